#include "report/digest.hpp"

#include <algorithm>
#include <array>

#include "base/error.hpp"
#include "base/text.hpp"

namespace ymgr {
namespace {

constexpr std::array kinds{std::pair{NoticeKind::failure, std::string_view("failure")},
                           std::pair{NoticeKind::expiry, std::string_view("expiry")},
                           std::pair{NoticeKind::recovery, std::string_view("recovery")}};

Json text_or_null(const std::string& text) {
  return text.empty() ? Json() : Json(text);
}

std::string count_of(std::int64_t count, std::string_view one, std::string_view many) {
  return std::to_string(count) + " " + std::string(count == 1 ? one : many);
}

std::int64_t count_in(const Digest& digest, NoticeKind kind) {
  return std::ranges::count(digest.notices, kind, &Notice::kind);
}

std::string who_and_where(const Notice& notice) {
  return (notice.owner.empty() ? "" : ", owner " + notice.owner) + (notice.host.empty() ? "" : ", on " + notice.host);
}

std::string expiry_line(const Notice& notice, Time at) {
  const Time end = notice.expires_at.value_or(at);
  return notice.name + (end < at ? " has expired, " : " expires ") + describe_distance(at, end) + " (" +
         format_time(end) + ")" + who_and_where(notice) + (notice.message.empty() ? "" : "; " + notice.message);
}

struct Section {
  NoticeKind kind;
  std::string_view title;
};
constexpr Section sections[] = {
    {NoticeKind::failure, "Failed:"}, {NoticeKind::expiry, "Not renewed so far:"}, {NoticeKind::recovery, "Over:"}};

std::string test_text(const Digest& digest) {
  return "This is a test of ymgr on " + digest.host + ", asked for by a person at " + format_time(digest.at) +
         ". Nothing has failed and nothing expires.\n";
}

/// Slack reads &, < and > as markup.   Source: Slack, Formatting text for app surfaces
std::string escape_for_slack(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else
      out += c;
  }
  return out;
}

Json json_of(const Notice& notice, Time at) {
  Json json = Json::object({{"id", notice.id}, {"kind", to_string(notice.kind)}});
  const Json told = to_json(notice);
  for (const auto& [name, value] : told.members()) json.set(name, value);
  Json left;
  if (notice.expires_at)
    left = static_cast<std::int64_t>(std::chrono::floor<std::chrono::days>(*notice.expires_at - at).count());
  json.set("days_left", std::move(left));
  json.set("repeated", notice.repeated);
  json.set("text", notice_text(notice, at));
  return json;
}

}  // namespace

std::string_view to_string(NoticeKind kind) noexcept {
  return std::ranges::find(kinds, kind, &decltype(kinds)::value_type::first)->second;
}

NoticeKind parse_notice_kind(std::string_view text) {
  const auto* const found = std::ranges::find(kinds, text, &decltype(kinds)::value_type::second);
  if (found == kinds.end()) throw Error(Code::internal, "no kind of notice: " + printable(text));
  return found->first;
}

Json to_json(const Notice& notice) {
  const bool expires = notice.kind == NoticeKind::expiry;
  return Json::object({{"name", notice.name},
                       {"cert_id", text_or_null(notice.cert_id)},
                       {"owner", text_or_null(notice.owner)},
                       {"host", text_or_null(notice.host)},
                       {"expires_at", notice.expires_at ? Json(format_time(*notice.expires_at)) : Json()},
                       {"window_days", expires ? Json(notice.window_days) : Json()},
                       {"code", text_or_null(notice.code)},
                       {"message", text_or_null(notice.message)}});
}

Notice notice_from(const Json& json) {
  Notice notice;
  notice.name = json.text_or("name", "");
  notice.cert_id = json.text_or("cert_id", "");
  notice.owner = json.text_or("owner", "");
  notice.host = json.text_or("host", "");
  if (const auto end = json.text_or("expires_at", ""); !end.empty()) notice.expires_at = parse_time(end);
  notice.window_days = static_cast<int>(json.integer_or("window_days", 0));
  notice.code = json.text_or("code", "");
  notice.message = json.text_or("message", "");
  return notice;
}

std::string notice_text(const Notice& notice, Time at) {
  std::string line;
  if (notice.kind == NoticeKind::expiry)
    line = expiry_line(notice, at);
  else if (notice.kind == NoticeKind::recovery)
    line = notice.name + " is well again; before: " + notice.message + who_and_where(notice);
  else
    line = notice.name + ": " + notice.message + " (" + notice.code + ")" + who_and_where(notice);
  return printable(line) + (notice.repeated ? " [may have been told before]" : "");
}

std::string digest_subject(const Digest& digest) {
  if (digest.is_test) return "ymgr: test message from " + digest.host;
  std::vector<std::string> parts;
  if (const auto count = count_in(digest, NoticeKind::failure); count > 0)
    parts.push_back(count_of(count, "failure", "failures"));
  if (const auto count = count_in(digest, NoticeKind::expiry); count > 0)
    parts.push_back(count_of(count, "certificate not renewed", "certificates not renewed"));
  if (const auto count = count_in(digest, NoticeKind::recovery); count > 0)
    parts.push_back(count_of(count, "failure over", "failures over"));
  return "ymgr: " + join(parts, ", ");
}

std::string digest_text(const Digest& digest, std::size_t limit) {
  if (digest.is_test) return test_text(digest);
  std::string text;
  std::size_t shown = 0;
  for (const auto& section : sections) {
    if (count_in(digest, section.kind) == 0) continue;
    text += std::string(text.empty() ? "" : "\n") + std::string(section.title) + "\n";
    for (const auto& notice : digest.notices)
      if (notice.kind == section.kind && shown++ < limit) text += "  " + notice_text(notice, digest.at) + "\n";
  }
  if (shown > limit) text += "\nand " + std::to_string(shown - limit) + " more: ymgr notify list\n";
  return text + "\nSent by ymgr on " + digest.host + " at " + format_time(digest.at) + ", " + digest.id + ".\n";
}

Json digest_json(const Digest& digest) {
  Json notices = Json::array();
  for (const auto& notice : digest.notices) notices.push(json_of(notice, digest.at));
  Json summary = Json::object();
  for (const auto& [kind, name] : kinds) summary.set(name, count_in(digest, kind));
  return Json::object({{"schema", digest_schema},
                       {"id", digest.id},
                       {"at", format_time(digest.at)},
                       {"host", digest.host},
                       {"test", digest.is_test},
                       {"subject", digest_subject(digest)},
                       {"summary", std::move(summary)},
                       {"notices", std::move(notices)}});
}

Json slack_json(const Digest& digest) {
  constexpr std::size_t lines = 50;  // Slack cuts a message at 40 000 characters
  return Json::object({{"text", escape_for_slack(digest_subject(digest) + "\n" + digest_text(digest, lines))}});
}

}  // namespace ymgr
