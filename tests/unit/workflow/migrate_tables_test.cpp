#include "workflow/migrate_tables.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "support/database.hpp"

namespace ymgr::migrate {
namespace {

std::set<std::string> texts_of(sql::Connection& db, std::string_view text, std::initializer_list<sql::Value> params) {
  std::set<std::string> texts;
  db.run(text, params, [&](const sql::Row& row) { texts.emplace(row.text(0)); });
  return texts;
}

const Table& table_named(std::string_view name) {
  return *std::ranges::find(tables(), name, &Table::name);
}

/// A profile, and a team's database.
struct Sides {
  test::TestDatabase here{sql::Dialect::sqlite}, there{sql::Dialect::postgres};
  std::vector<Conflict> conflicts;

  Compared compared(std::string_view table) { return compare(table_named(table), *here, *there, conflicts); }
  Copied copied(std::string_view table) { return copy(table_named(table), *here, *there); }
};

void deny(sql::Connection& db, std::string_view key, std::string_view reason) {
  db.run("INSERT INTO denied_keys (public_key_sha256, reason, denied_at) VALUES ($1, $2, 7)", {key, reason});
}

void add_device(sql::Connection& db, std::string_view serial, std::int64_t updated_at, std::string_view note,
                sql::Value replaced_by = {}) {
  db.run(
      "INSERT INTO devices (serial, owner, status, firmware, form_factor, fips, pin_mode, created_at, updated_at, "
      "note, replaced_by) VALUES ($1, 'uma', 'enrolled', '5.7.4', '', 0, 'escrow', 0, $2, $3, $4)",
      {serial, updated_at, note, replaced_by});
}

void add_issued(sql::Connection& db, std::string_view cert_id) {
  db.run(
      "INSERT INTO issuers (issuer_id, kind, name, status, subject, created_at) "
      "VALUES ('ca', 'issuing', 'ca', 'active', 'CN=ca', 0) ON CONFLICT DO NOTHING",
      {});
  db.run("INSERT INTO ca_issued VALUES ('ca', '01', $1, 'key', 9)", {cert_id});
}

}  // namespace

TEST_CASE("every table of a profile moves, or stays for a reason") {
  const test::TestDatabase db(sql::Dialect::sqlite);
  auto all = texts_of(*db, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'", {});
  for (const Table& table : tables()) CHECK(all.erase(std::string(table.name)) == 1);
  // The trail has a way of its own; sessions end with the profile; secrets of YubiKeys go to Vault, and others nowhere;
  // scheduled renewals of the profile are over.
  CHECK(all == std::set<std::string>{"audit_events", "audit_head", "heartbeats", "schema_migrations", "secrets",
                                     "user_sessions"});
}

TEST_CASE("every column of a table that moves is named, or stays for a reason") {
  const test::TestDatabase db(sql::Dialect::sqlite);
  std::set<std::string> left;
  for (const Table& table : tables()) {
    auto columns = texts_of(*db, "SELECT name FROM pragma_table_info($1)", {table.name});
    for (const Column& column : table.columns) {
      CAPTURE(column.name);
      CHECK(columns.erase(std::string(column.name)) == 1);
    }
    for (const auto& name : columns) left.insert(std::string(table.name) + "." + name);
  }
  CHECK(left == std::set<std::string>{"issuers.csr", "notifications.held_until", "notifications.holder",
                                      "users.certificate_names", "users.data_key_box", "users.failed_logins",
                                      "users.locked_until"});
}

TEST_CASE("what the team has not is copied once") {
  Sides sides;
  deny(*sides.here, "aa", "keyCompromise");
  deny(*sides.here, "bb", "keyCompromise");
  CHECK(sides.compared("denied_keys").missing == 2);
  CHECK_FALSE(sides.compared("denied_keys").is_whole());
  CHECK(sides.copied("denied_keys").inserted == 2);
  const auto after = sides.compared("denied_keys");
  CHECK(after.is_whole());
  CHECK(after.here.text() == after.there.text());
  CHECK(sides.copied("denied_keys").inserted == 0);
}

TEST_CASE("a fixed column that differs is a conflict, and nothing is overwritten") {
  Sides sides;
  add_issued(*sides.here, "cert-1");
  add_issued(*sides.there, "cert-2");
  const auto compared = sides.compared("ca_issued");
  CHECK(compared.conflicting == 1);
  CHECK_FALSE(compared.is_whole());
  REQUIRE(sides.conflicts.size() == 1);
  CHECK(sides.conflicts[0].key == "ca 01");
  CHECK(sides.conflicts[0].columns == "cert_id");
  CHECK(sides.copied("ca_issued").inserted == 0);
  CHECK(test::text_of(*sides.there, "SELECT cert_id FROM ca_issued") == "cert-2");
}

TEST_CASE("a living column that differs stays as the team has it") {
  Sides sides;
  deny(*sides.here, "aa", "keyCompromise");
  deny(*sides.there, "aa", "weak");
  CHECK(sides.compared("denied_keys").differing == 1);
  CHECK(sides.compared("denied_keys").is_whole());
  sides.copied("denied_keys");
  CHECK(test::text_of(*sides.there, "SELECT reason FROM denied_keys") == "weak");
}

TEST_CASE("a row that went on is followed, one that the team took further is not") {
  struct Row {
    std::int64_t here, there;
    const char* want;
  };
  for (const Row& row : {Row{2, 1, "the profile's"}, Row{1, 1, "the team's"}, Row{1, 2, "the team's"}}) {
    CAPTURE(row.here);
    CAPTURE(row.there);
    Sides sides;
    add_device(*sides.here, "1001", row.here, "the profile's");
    add_device(*sides.there, "1001", row.there, "the team's");
    CHECK(sides.compared("devices").is_whole() == (row.here <= row.there));
    sides.copied("devices");
    CHECK(test::text_of(*sides.there, "SELECT note FROM devices") == row.want);
  }
}

TEST_CASE("a YubiKey may come before the one that replaced it") {
  Sides sides;
  add_device(*sides.here, "1003", 1, "");
  add_device(*sides.here, "1001", 1, "", "1003");
  CHECK(sides.copied("devices").inserted == 2);
  CHECK(sides.compared("devices").is_whole());
  CHECK(test::text_of(*sides.there, "SELECT replaced_by FROM devices WHERE serial = '1001'") == "1003");
}

TEST_CASE("content counts each value once, whatever the order of the rows") {
  const Record a{std::string("a"), std::int64_t{1}, {}}, b{std::string("b"), std::int64_t{1}, {}};
  const Record moved{std::string("ab"), std::string("c")}, twin{std::string("a"), std::string("bc")};
  const auto content = [](std::initializer_list<Record> rows) {
    Content sum;
    for (const auto& row : rows) sum.add(row);
    return sum.text();
  };
  CHECK(content({a, b}) == content({b, a}));
  std::set<std::string> different = {content({}),      content({a}),    content({b}),   content({a, b}),
                                     content({moved}), content({twin}), content({a, a})};
  CHECK(different.size() == 7);
}

}  // namespace ymgr::migrate
