#include <doctest/doctest.h>

#include "sql/migrations.hpp"
#include "support/database.hpp"
#include "support/thrown.hpp"

using namespace ymgr;
using test::integer_of;
using test::text_of;

TEST_CASE("migrations are numbered from 1 and name the oldest client they serve") {
  for (const auto& [dialect, folder] :
       {std::pair(sql::Dialect::sqlite, "sqlite/"), {sql::Dialect::postgres, "postgres/"}}) {
    const auto all = sql::migrations(dialect);
    REQUIRE_FALSE(all.empty());
    for (std::size_t i = 0; i < all.size(); ++i) {
      CAPTURE(all[i].name);
      CHECK(all[i].number() == static_cast<int>(i) + 1);
      CHECK(all[i].min_client() >= 1);
      CHECK(all[i].min_client() <= all[i].number());
      const auto path =
          YMGR_SOURCE_DIR "/lib/sql/migrations/" + std::string(folder) + std::string(all[i].name) + ".sql";
      CHECK(read_file(path) == all[i].text);
    }
    CHECK(sql::schema_version() == all.back().number());
  }
}

TEST_CASE("migrate brings an empty database to this version, once") {
  const TemporaryFolder folder("ymgr-test");
  const auto db = sql::open_sqlite({.path = folder.path() + "/x.db", .create = true});
  CHECK(sql::check_schema(*db) == 0);
  sql::migrate(*db);
  CHECK(sql::check_schema(*db) == sql::schema_version());
  const auto changes = integer_of(*db, "SELECT total_changes()");
  sql::migrate(*db);
  CHECK(integer_of(*db, "SELECT total_changes()") == changes);
  CHECK(integer_of(*db, "SELECT count(*) FROM schema_migrations") == sql::schema_version());
  CHECK(text_of(*db, "SELECT sha256 FROM schema_migrations WHERE number = 1").size() == 64);
}

TEST_CASE("a database that needs a newer program is refused, a merely newer one served") {
  const test::TestDatabase db;
  const auto next = sql::schema_version() + 1;
  const auto insert =
      "INSERT INTO schema_migrations (number, name, sha256, min_client, applied_at) VALUES ($1, 'later', '', $2, 0)";
  db->run(insert, {next, sql::schema_version()});
  CHECK(sql::check_schema(*db) == next);
  sql::migrate(*db);
  db->run(insert, {next + 1, next + 1});
  CHECK_CODE(sql::check_schema(*db), Code::database_newer);
  CHECK_CODE(sql::migrate(*db), Code::database_newer);
}

TEST_CASE("a migration that was applied in another form is refused") {
  const test::TestDatabase db;
  db->run("UPDATE schema_migrations SET sha256 = 'other' WHERE number = 1", {});
  CHECK_CODE(sql::migrate(*db), Code::database_failed);
}

TEST_CASE("certificates keep their identity and are never deleted") {
  const test::TestDatabase db;
  db->run(
      "INSERT INTO certificates (cert_id, name, subject, sans, serial_number, issuer, ca_name, key_reference, "
      "key_algorithm, public_key_sha256, key_created_at, profile, owner, labels, policy_version, status, issued_at, "
      "not_before, expires_at, renew_at, fingerprint, pem, request_id, issued_by) VALUES ('c', 'n', 's', '[]', '01', "
      "'i', "
      "'ca', 'sealed:n', 'ec-p256', 'k', 0, 'p', 'o', '{}', 'v1', 'active', 0, 0, 0, 0, 'f', 'pem', 'r', 'a')",
      {});
  for (const auto* column : {"serial_number", "issuer", "pem", "fingerprint", "public_key_sha256"})
    CHECK_CODE(db->run("UPDATE certificates SET " + std::string(column) + " = 'x'", {}), Code::database_failed);
  CHECK_CODE(db->run("DELETE FROM certificates", {}), Code::database_failed);
  CHECK_CODE(db->run("INSERT OR REPLACE INTO certificates SELECT * FROM certificates", {}), Code::database_failed);
  CHECK(db->run("UPDATE certificates SET status = 'revoked', pem = pem", {}) == 1);
}
