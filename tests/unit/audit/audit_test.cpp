#include <doctest/doctest.h>

#include <algorithm>

#include "audit/audit.hpp"
#include "base/text.hpp"
#include "support/database.hpp"
#include "support/thrown.hpp"

using namespace ymgr;
using audit::HeadSigner;
using test::integer_of;
using test::text_of;

namespace {

void append(sql::Connection& connection, const std::vector<audit::Event>& events, const HeadSigner* signer = nullptr) {
  connection.transaction(sql::Access::write, [&] { audit::append(connection, "anna", events, signer); });
}

std::vector<std::string> events_of(const std::vector<audit::Row>& rows) {
  std::vector<std::string> names;
  for (const auto& row : rows) names.push_back(row.event);
  return names;
}

}  // namespace

TEST_CASE("the trigger and chain_hash give the same hashes, which never change") {
  const test::TestDatabase db;
  struct Case {
    std::int64_t at;
    const char *actor, *request_id, *event, *target, *data, *hash;
  };
  const Case cases[] = {
      // made by another program
      {0, "", "", "", "", "", "98151d84cd5c5d71f7e911ee1961296e542264926ce06c375c237cd6a461c227"},
      {1'742'999'999'123'456, "anna", "req-1", "issue.requested", "api.example.com", R"({"a":1})",
       "a27bdd38117dec345e2b713aebc5a45e25c7c309060f7cc4aae09ce02c41311b"},
      {-1, "Jörg", "req|2", "a|1:b", "鍵🔑", R"({"text":"ü|\n"})",
       "bd12857348ca76b6245ba9f827dab218a9cbf3edd001b0ae6963361c87a66407"},
  };
  auto previous = std::string(64, '0');
  std::int64_t seq = 0;
  for (const auto& row : cases) {
    db->run("INSERT INTO audit_events (at, actor, request_id, event, target, data) VALUES ($1, $2, $3, $4, $5, $6)",
            {row.at, row.actor, row.request_id, row.event, row.target, row.data});
    ++seq;
    const auto stored = text_of(*db, "SELECT hash FROM audit_events WHERE seq = $1", {seq});
    const audit::Row copy{seq, from_micros(row.at), row.actor, row.request_id, row.event, row.target, row.data, ""};
    CHECK(audit::chain_hash(copy, previous) == stored);
    CHECK(text_of(*db, "SELECT hash FROM audit_head") == stored);
    CHECK(integer_of(*db, "SELECT seq FROM audit_head") == seq);
    CHECK(stored == row.hash);
    previous = stored;
  }
}

TEST_CASE("rows can neither be changed nor deleted nor given a hash") {
  const test::TestDatabase db;
  append(*db, {{"r", "e", "t", Json::object()}});
  for (const auto* text :
       {"UPDATE audit_events SET actor = 'x'", "UPDATE audit_events SET hash = 'x'", "DELETE FROM audit_events",
        "INSERT OR REPLACE INTO audit_events (seq, at, actor, request_id, event, target, data) VALUES (1, 0, '', '', "
        "'', '', '')",
        "INSERT INTO audit_events (at, actor, request_id, event, target, data, hash) VALUES (0, '', '', '', '', '', "
        "'x')"})
    CHECK_CODE(db->run(text, {}), Code::database_failed);
  CHECK(integer_of(*db, "SELECT count(*) FROM audit_events") == 1);
}

TEST_CASE("a transaction that rolls back leaves no gap in the chain") {
  const test::TestDatabase db;
  const auto signer = HeadSigner::create(*db, test::test_data_key());
  const auto fail = [&] {
    db->transaction(sql::Access::write, [&] {
      audit::append(*db, "anna", {{"r", "lost", "t", Json::object()}}, &signer);
      throw Error(Code::injected, "stop");
    });
  };
  append(*db, {{"r", "one", "t", Json::object()}}, &signer);
  CHECK_CODE(fail(), Code::injected);
  append(*db, {{"r", "two", "t", Json::object()}}, &signer);
  const auto result = audit::verify(*db, {});
  CHECK(result.findings.empty());
  CHECK(result.rows == 2);
}

TEST_CASE("texts that no chain can hold are made harmless, and the chain holds") {
  const test::TestDatabase db;
  const auto signer = HeadSigner::create(*db, test::test_data_key());
  append(*db,
         {{std::string("a\0b", 3), "bad\xff", "line\nline", Json::object({{"k", std::string("x\0y\xc3", 4)}})},
          {"überall", "鍵", "🔑", Json::object({{"ü", "ö"}})}},
         &signer);
  const auto rows = audit::list(*db, {});
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].request_id == "a?b");
  CHECK(rows[0].event == "bad?");
  CHECK(rows[0].target == "line?line");
  CHECK(rows[1].target == "🔑");
  CHECK(audit::verify(*db, {}).findings.empty());
}

TEST_CASE("rows appended without the key are counted, and signed by the next who has it") {
  const test::TestDatabase db;
  const auto signer = HeadSigner::create(*db, test::test_data_key());
  CHECK(audit::verify(*db, {}).findings.empty());
  append(*db, {{"r", "one", "t", Json::object()}}, &signer);
  append(*db, {{"r", "two", "t", Json::object()}, {"r", "three", "t", Json::object()}});
  auto result = audit::verify(*db, {});
  CHECK(result.findings.empty());
  CHECK(result.signed_rows == 1);
  CHECK(result.unsigned_rows == 2);
  append(*db, {{"r", "four", "t", Json::object()}}, &signer);
  result = audit::verify(*db, signer.public_key());
  CHECK(result.findings.empty());
  CHECK(result.signed_rows == 4);
  CHECK(result.unsigned_rows == 0);
  CHECK(result.head == text_of(*db, "SELECT hash FROM audit_events WHERE seq = 4"));
}

TEST_CASE("the head key is made once, and opened with the data key only") {
  const test::TestDatabase db;
  CHECK_CODE(HeadSigner::open(*db, test::test_data_key()), Code::secret_not_found);
  const auto made = HeadSigner::create(*db, test::test_data_key());
  const auto opened = HeadSigner::open(*db, test::test_data_key());
  CHECK(opened.key_id() == made.key_id());
  CHECK(opened.public_key() == made.public_key());
  CHECK(opened.sign("x") == made.sign("x"));
  CHECK_CODE(HeadSigner::open(*db, {Secret(std::string(32, 'x'))}), Code::box_invalid);
  CHECK_CODE(HeadSigner::create(*db, test::test_data_key()), Code::version_conflict);
}

TEST_CASE("list gives the rows that fit, oldest first") {
  const test::TestDatabase db;
  set_clock([] { return from_seconds(1000); });
  append(*db, {{"r1", "issue.requested", "a", Json::object()}, {"r1", "issued", "a", Json::object()}});
  set_clock([] { return from_seconds(2000); });
  append(*db, {{"r2", "issue.requested", "b", Json::object()}, {"r2", "revoked", "a", Json::object({{"n", 1}})}});
  set_clock(nullptr);
  struct Case {
    audit::Query query;
    std::vector<std::string> want;
  };
  const std::vector<std::string> all = {"issue.requested", "issued", "issue.requested", "revoked"};
  const Case cases[] = {
      {{}, all},
      {{.request_id = "r1"}, {"issue.requested", "issued"}},
      {{.event = "issued"}, {"issued"}},
      {{.event = "issue*"}, {"issue.requested", "issued", "issue.requested"}},
      {{.event = "*"}, all},
      {{.event = "ISSUED"}, {}},
      {{.target = "b"}, {"issue.requested"}},
      {{.actor = "anna"}, all},
      {{.actor = "nobody"}, {}},
      {{.from = from_seconds(1001)}, {"issue.requested", "revoked"}},
      {{.to = from_seconds(2000)}, {"issue.requested", "issued"}},
      {{.event = "issue*", .target = "a", .after_seq = 1}, {"issued"}},
      {{.limit = 2}, {"issue.requested", "issued"}},
      {{.limit = -1}, {"revoked"}},
      {{.target = "a", .limit = -2}, {"issued", "revoked"}},
  };
  for (const auto& row : cases) CHECK(events_of(audit::list(*db, row.query)) == row.want);
  const auto last = audit::list(*db, {.limit = -1}).at(0);
  CHECK(last.seq == 4);
  CHECK(last.at == from_seconds(2000));
  CHECK(last.data == R"({"n":1})");
  CHECK(last.hash.size() == 64);
}
