#include <algorithm>

#include "audit/chain.hpp"
#include "base/error.hpp"
#include "base/text.hpp"

namespace ymgr::audit {
namespace {

/// An object when writing it out again gives the same text, which the hash covers; else the text itself.
Json data_json(const std::string& text) {
  try {
    auto json = parse_json(text);
    if (json.is_object() && dump_json(json) == text) return json;
  } catch (const Error&) {
    // Somebody else's text: the chain tells whether it was changed.
  }
  return text;
}

/// Empty outside the years that RFC 3339 has: nobody wrote such a row with our program.
std::string readable(Time at) {
  constexpr auto first = Time(std::chrono::sys_days(std::chrono::year(0) / 1 / 1));
  constexpr auto end = Time(std::chrono::sys_days(std::chrono::year(10000) / 1 / 1));
  return first <= at && at < end ? format_time(at) : std::string();
}

Json to_json(const Row& row) {
  return Json::object({{"seq", row.seq},
                       {"at", readable(row.at)},
                       {"at_us", to_micros(row.at)},
                       {"actor", row.actor},
                       {"request_id", row.request_id},
                       {"event", row.event},
                       {"target", row.target},
                       {"data", data_json(row.data)},
                       {"hash", row.hash}});
}

Row row_of_json(const Json& json) {
  const auto& data = json.at("data");
  return {json.at("seq").integer(),
          from_micros(json.at("at_us").integer()),
          json.at("actor").text(),
          json.at("request_id").text(),
          json.at("event").text(),
          json.at("target").text(),
          data.is_text() ? data.text() : dump_json(data),
          json.at("hash").text()};
}

/// The last line of a file.
struct End {
  Head head;
  std::int64_t after_seq = 0;  // the row before the first one of the file
  std::string after_hash;
};

Json to_json(const End& end) {
  const auto& head = end.head;
  return Json::object({{"head", Json::object({{"seq", head.seq},
                                              {"hash", head.hash},
                                              {"signed_seq", head.signed_seq},
                                              {"signed_hash", head.signed_hash},
                                              {"signature", head.signature},
                                              {"key_id", head.key_id},
                                              {"after_seq", end.after_seq},
                                              {"after_hash", end.after_hash}})}});
}

End end_of_json(const Json& json) {
  const auto& head = json.at("head");
  const auto text = [&](std::string_view name) { return head.at(name).text(); };
  End end;
  end.head = {true,          head.at("seq").integer(), head.at("signed_seq").integer(),
              text("hash"),  text("signed_hash"),      text("signature"),
              text("key_id")};
  end.after_seq = head.at("after_seq").integer();
  end.after_hash = text("after_hash");
  return end;
}

class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}
  /// Adds the line to an error.
  template <class Read>
  auto in_place(const Read& read) const {
    try {
      return read();
    } catch (const Error& error) {
      const auto number = std::to_string(number_);
      throw Error(Code::json_invalid, "line " + number + ": " + error.what(),
                  "give a file that `ymgr audit export` wrote", {{"line", number}});
    }
  }
  /// Empty lines are passed over.
  std::optional<Json> next() {
    while (!rest_.empty()) {
      ++number_;
      const auto end = rest_.find('\n');
      const auto line = rest_.substr(0, end);
      rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
      if (!trim(line).empty()) return in_place([&] { return parse_json(line); });
    }
    return std::nullopt;
  }
  int number() const noexcept { return number_; }

 private:
  std::string_view rest_;
  int number_ = 0;
};

std::string_view last_line(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  const auto begin = text.rfind('\n');
  return begin == std::string_view::npos ? text : text.substr(begin + 1);
}

/// The head stands last, but what the first row follows must be known first.
End read_end(std::string_view jsonl) {
  const auto line = last_line(jsonl);
  if (line.find("\"head\"") == std::string_view::npos) return {};
  Lines lines(line);
  const auto json = lines.next();
  return json && json->find("head") != nullptr ? lines.in_place([&] { return end_of_json(*json); }) : End{};
}

}  // namespace

void export_rows(sql::Connection& connection, const Query& query,
                 const std::function<void(std::string_view line)>& write) {
  connection.transaction(sql::Access::read, [&] {
    End end{read_head(connection), 0, std::string(first_hash)};
    const auto filter = filter_of(query);
    std::int64_t first = 0;
    connection.run("SELECT " + std::string(row_columns) + " FROM audit_events" + filter.where + " ORDER BY seq",
                   filter.params, [&](const sql::Row& row) {
                     if (first == 0) first = row.integer(0);
                     write(dump_json(to_json(row_of(row))));
                   });
    connection.run("SELECT seq, hash FROM audit_events WHERE seq = $1 - 1", {first}, [&](const sql::Row& row) {
      end.after_seq = row.integer(0);
      end.after_hash = row.text(1);
    });
    write(dump_json(to_json(end)));
  });
}

Verification verify_export(std::string_view jsonl, const Checkpoint& checkpoint) {
  const auto end = read_end(jsonl);
  ChainCheck check(end.head, end.after_seq, end.after_seq == 0 ? std::string(first_hash) : end.after_hash);
  std::string at_checkpoint(checkpoint.seq == end.after_seq ? end.after_hash : "");
  if (end.after_seq != 0 && end.after_seq != checkpoint.seq)
    check.note({1, "removed", "the file begins after row " + std::to_string(end.after_seq)});
  Lines lines(jsonl);
  bool ended = false;
  while (const auto json = lines.next()) {
    if (ended)
      check.note_row(end.head.seq, "added", "line " + std::to_string(lines.number()) + " stands behind the head");
    ended = json->find("head") != nullptr;
    if (ended) continue;
    auto row = lines.in_place([&] { return row_of_json(*json); });
    if (to_json(row) != *json)
      check.note_row(row.seq, "changed",
                     "line " + std::to_string(lines.number()) + " holds other than what the chain covers");
    if (row.seq == checkpoint.seq) at_checkpoint = row.hash;
    check.add(std::move(row));
  }
  if (auto finding = compare(checkpoint, at_checkpoint)) check.note(std::move(*finding));
  return check.finish(from_base64(checkpoint.public_key).value_or(""));
}

}  // namespace ymgr::audit
