#include "unit/audit/chain_fixture.hpp"

#include <limits>

#include "base/text.hpp"
#include "support/thrown.hpp"

using namespace ymgr;
using test::Chain;
using test::names;

namespace {

std::vector<std::string> exported(const Chain& chain, const audit::Query& query = {}) {
  std::vector<std::string> lines;
  audit::export_rows(*chain.db, query, [&](std::string_view line) { lines.emplace_back(line); });
  return lines;
}
std::string file(const std::vector<std::string>& lines) {
  return join(lines, "\n") + "\n";
}

audit::Verification check(const std::vector<std::string>& lines, const audit::Checkpoint& checkpoint) {
  return audit::verify_export(file(lines), checkpoint);
}

void replace(std::string& text, std::string_view from, std::string_view to) {
  const auto place = text.find(from);
  REQUIRE(place != std::string::npos);
  text.replace(place, from.size(), to);
}

}  // namespace

TEST_CASE("an export holds every column of every row, and the signed head") {
  const Chain chain;
  const auto lines = exported(chain);
  REQUIRE(lines.size() == 51);
  const auto row = parse_json(lines[16]);
  CHECK(row.at("seq").integer() == 17);
  CHECK(row.at("actor").text() == "anna");
  CHECK(row.at("request_id").text() == "req-1");
  CHECK(row.at("event").text() == "event-17");
  CHECK(row.at("target").text() == "target");
  CHECK(row.at("data") == Json::object({{"n", 1}, {"real", 0.5}}));
  CHECK(row.at("hash").text() == chain.hash(17));
  CHECK(row.at("at").text() == format_time(chain.row(17).at));
  CHECK(row.at("at_us").integer() == to_micros(chain.row(17).at));
  CHECK(parse_json(lines[50]).at("head").at("hash").text() == chain.hash(50));
  CHECK(exported(chain, {.event = "event-1*", .limit = 1}).size() == 12);
}

TEST_CASE("an untouched export verifies against a checkpoint made before it, at it or at nothing") {
  const Chain chain;
  const auto at_50 = audit::make_checkpoint(*chain.db, chain.signer);
  CHECK(names(check(exported(chain), at_50)) == "");
  chain.append("later", &chain.signer);
  chain.append("unsigned", nullptr);
  const auto result = check(exported(chain), at_50);
  CHECK(names(result) == "");
  CHECK(result.rows == 52);
  CHECK(result.signed_rows == 51);
  CHECK(result.unsigned_rows == 1);
  CHECK(names(check(exported(chain, {.after_seq = 50}), at_50)) == "");
  CHECK(names(check(exported(chain, {.after_seq = 20}), at_50)) == "removed 1");
  CHECK(names(check(exported(chain, {.event = "event-1*"}), at_50)).starts_with("removed 2, "));
}

TEST_CASE("data that is not an object of ours is exported as it stands") {
  const Chain chain;
  for (const auto* data : {"", "not json", "\"text\"", "[1]", "{ \"a\" : 1 }", "{\"a\":1e400}"})
    chain.db->run(
        "INSERT INTO audit_events (at, actor, request_id, event, target, data) VALUES (1, '', '', '', '', $1)", {data});
  chain.append("last", &chain.signer);
  const auto lines = exported(chain);
  CHECK(parse_json(lines[51]).at("data").text() == "not json");
  CHECK(names(check(lines, audit::make_checkpoint(*chain.db, chain.signer))) == "");
}

TEST_CASE("a row of an impossible time is exported and verified like any other") {
  const Chain chain;
  for (const auto at : {std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()})
    chain.db->run(
        "INSERT INTO audit_events (at, actor, request_id, event, target, data) VALUES ($1, '', '', '', '', '')", {at});
  chain.append("last", &chain.signer);
  const auto lines = exported(chain);
  CHECK(parse_json(lines[50]).at("at").text().empty());
  CHECK(names(check(lines, audit::make_checkpoint(*chain.db, chain.signer))) == "");
}

TEST_CASE("whatever was done to an export is named") {
  const Chain chain;
  const auto checkpoint = audit::make_checkpoint(*chain.db, chain.signer);
  const auto whole = exported(chain);
  auto lines = whole;
  std::string want;
  SUBCASE("changed text") {
    replace(lines[16], "anna", "otto");
    want = "changed 17";
  }
  SUBCASE("changed data") {
    replace(lines[16], "\"n\":1", "\"n\":2");
    want = "changed 17";
  }
  SUBCASE("changed readable time") {
    replace(lines[16], "\"at\":\"2", "\"at\":\"3");
    want = "changed 17";
  }
  SUBCASE("a member more") {
    replace(lines[16], "{\"seq\"", "{\"note\":\"approved\",\"seq\"");
    want = "changed 17";
  }
  SUBCASE("removed") {
    lines.erase(lines.begin() + 16);
    want = "removed 17";
  }
  SUBCASE("removed at the end") {
    lines.erase(lines.begin() + 48, lines.begin() + 50);
    want = "removed 49, removed 50";
  }
  SUBCASE("swapped") {
    std::swap(lines[16], lines[17]);
    want = "reordered 17";
  }
  SUBCASE("twice") {
    lines.insert(lines.begin() + 17, lines[16]);
    want = "added 17";
  }
  SUBCASE("head gone") {
    lines.pop_back();
    want = "head 50";
  }
  SUBCASE("head changed") {
    replace(lines[50], chain.hash(50), chain.hash(49));
    want = "head 50";
  }
  SUBCASE("a line behind the head") {
    lines.push_back(lines[3]);
    want = "added 0, added 4, head 50";
  }
  SUBCASE("signature changed") {
    replace(lines[50], "\"signature\":\"", "\"signature\":\"AAAA");
    want = "signature 50";
  }
  CHECK(names(check(lines, checkpoint)) == want);
}

TEST_CASE("a file that is not an export is refused with the line") {
  const Chain chain;
  const auto checkpoint = audit::make_checkpoint(*chain.db, chain.signer);
  auto lines = exported(chain);
  SUBCASE("cut short") {
    lines[16].resize(30);
  }
  SUBCASE("a member missing") {
    replace(lines[16], "\"actor\"", "\"aktor\"");
  }
  SUBCASE("a wrong type") {
    replace(lines[16], "\"seq\":17", "\"seq\":\"17\"");
  }
  SUBCASE("no object") {
    lines[16] = "[]";
  }
  const auto error = thrown([&] { check(lines, checkpoint); });
  REQUIRE(error);
  CHECK(error->code() == Code::json_invalid);
  REQUIRE(error->detail("line"));
  CHECK(*error->detail("line") == "17");
}

TEST_CASE("a checkpoint survives its JSON, and nothing else passes for one") {
  const Chain chain;
  const auto made = audit::make_checkpoint(*chain.db, chain.signer);
  const auto text = dump_json(audit::to_json(made));
  const auto read = audit::parse_checkpoint(text);
  CHECK(audit::to_json(read) == audit::to_json(made));
  struct Change {
    const char* member;
    Json value;
  };
  const Change changes[] = {{"schema", "other"},
                            {"seq", -1},
                            {"seq", "1"},
                            {"hash", "x"},
                            {"hash", std::string(64, 'G')},
                            {"at", "yesterday"},
                            {"public_key", "AAAA"},
                            {"signature", "AAAA"},
                            {"key_id", "0"}};
  for (const auto& change : changes) {
    CAPTURE(change.member);
    auto json = audit::to_json(made);
    json.set(change.member, change.value);
    CHECK_CODE(audit::parse_checkpoint(dump_json(json)), Code::checkpoint_invalid);
    json.erase(change.member);
    CHECK_CODE(audit::parse_checkpoint(dump_json(json)), Code::checkpoint_invalid);
  }
  for (const auto* other : {"", "{", "[]", "null"})
    CHECK_CODE(audit::parse_checkpoint(other), Code::checkpoint_invalid);
}

TEST_CASE("a checkpoint outlives what its owner does to the database") {
  const Chain chain;
  auto checkpoint = audit::make_checkpoint(*chain.db, chain.signer);
  chain.append("later", &chain.signer);
  CHECK_FALSE(audit::compare(*chain.db, checkpoint));
  const auto kind = [&] {
    const auto finding = audit::compare(*chain.db, checkpoint);
    return finding ? finding->kind : "none";
  };
  const auto lines_before = exported(chain);
  SUBCASE("everything written anew with the same key") {
    chain.drop_triggers();
    chain.attack("UPDATE audit_events SET actor = 'x' WHERE seq = 1");
    chain.rehash(1, 51);
    chain.head_to(51);
    chain.db->run("UPDATE audit_head SET signed_seq = seq, signed_hash = hash, signature = $1",
                  {chain.signer.sign("ymgr-audit-head\n51\n" + chain.hash(51) + "\n")});
    CHECK(audit::verify(*chain.db, {}).findings.empty());
    CHECK(kind() == "changed");
    CHECK(names(check(exported(chain), checkpoint)) == "changed 50");
  }
  SUBCASE("an older state put back") {
    chain.drop_triggers();
    chain.attack("DELETE FROM audit_events WHERE seq > 40");
    chain.head_to(40);
    chain.db->run("UPDATE audit_head SET signed_seq = seq, signed_hash = hash, signature = $1",
                  {chain.signer.sign("ymgr-audit-head\n40\n" + chain.hash(40) + "\n")});
    CHECK(audit::verify(*chain.db, {}).findings.empty());
    CHECK(kind() == "removed");
    CHECK(names(check(exported(chain), checkpoint)) == "removed 50");
  }
  SUBCASE("a checkpoint that somebody else made up") {
    checkpoint.seq = 49;
    checkpoint.hash = chain.hash(49);
    CHECK(kind() == "signature");
    CHECK(names(check(lines_before, checkpoint)) == "signature 49");
  }
}
