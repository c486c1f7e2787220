// What every database must do alike: the whole of lib/ is written against this.
#include <doctest/doctest.h>

#include <functional>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "sql/statements.hpp"
#include "support/database.hpp"
#include "support/faults.hpp"
#include "support/thrown.hpp"

namespace {
using namespace ymgr;
using sql::Access;
using sql::Connection;
using sql::Row;

/// Opens one more connection to the same migrated, otherwise empty database.
using Connect = std::function<std::unique_ptr<Connection>()>;

constexpr auto insert_setting = "INSERT INTO settings (name, value, updated_at) VALUES ($1, $2, $3)";
constexpr auto insert_user =
    "INSERT INTO users (name, role, status, password_salt, password_cost, password_verifier, box_public, box_private, "
    "created_at, created_by) VALUES ($1, $2, 'active', '', '', '', '', '', 0, '')";

std::int64_t count(Connection& c, std::string_view table) {
  return test::integer_of(c, "SELECT count(*) FROM " + std::string(table));
}

void values_come_back(Connection& c) {
  const std::string long_text(100'000, 'x');
  const std::string_view texts[] = {"", "a", "it's \"quoted\"; --", "Größe 鍵 🔑", "line\nline", long_text, {}};
  for (const auto text : texts) {
    std::string back = "none";
    bool is_null = true;
    c.run("SELECT CAST($1 AS TEXT)", {text}, [&](const Row& row) {
      back = row.text(0);
      is_null = row.is_null(0);
    });
    CHECK(back == text);
    CHECK_FALSE(is_null);
  }
  for (const std::int64_t n : {std::int64_t{0}, std::int64_t{-1}, std::numeric_limits<std::int64_t>::min(),
                               std::numeric_limits<std::int64_t>::max(), std::int64_t{1'742'999'999'123'456}})
    CHECK(test::integer_of(c, "SELECT CAST($1 AS BIGINT)", {n}) == n);
  c.run("SELECT CAST($1 AS TEXT), CAST($2 AS BIGINT)", {std::monostate{}, std::monostate{}}, [&](const Row& row) {
    CHECK(row.is_null(0));
    CHECK(row.text(0).empty());
    CHECK(row.is_null(1));
    CHECK(row.integer(1) == 0);
  });
}

void parameters_are_bound_by_number(Connection& c) {
  std::string got;
  c.run("SELECT CAST($2 AS TEXT) || CAST($1 AS TEXT) || CAST($2 AS TEXT)", {"one", "two"},
        [&](const Row& row) { got = row.text(0); });
  CHECK(got == "twoonetwo");
  CHECK_CODE(c.run("SELECT CAST($1 AS TEXT)", {}), Code::internal);
  CHECK_CODE(c.run("SELECT CAST($1 AS TEXT)", {"a", "b"}), Code::internal);
  CHECK_CODE(c.run(insert_setting, {"nul", std::string_view("a\0b", 3), 1}), Code::database_failed);
  CHECK(count(c, "settings") == 0);
}

void run_tells_how_many_rows_changed(Connection& c) {
  CHECK(c.run(insert_setting, {"a", "1", 1}) == 1);
  CHECK(c.run(insert_setting, {"b", "1", 1}) == 1);
  CHECK(c.run("SELECT name FROM settings", {}) == 0);
  CHECK(c.run("UPDATE settings SET value = $1 WHERE updated_at = $2", {"2", 1}) == 2);
  CHECK(c.run("UPDATE settings SET value = $1 WHERE name = $2", {"3", "nobody"}) == 0);
  CHECK(c.run("INSERT INTO settings (name, value, updated_at) VALUES ($1, 'x', 0) ON CONFLICT DO NOTHING", {"a"}) == 0);
  CHECK(
      c.run("INSERT INTO settings (name, value, updated_at) VALUES ($1, $2, $3) ON CONFLICT (name) DO UPDATE SET value "
            "= excluded.value",
            {"a", "9", 1}) == 1);
  std::vector<std::string> names;
  CHECK(c.run("DELETE FROM settings WHERE updated_at = $1 RETURNING name", {1},
              [&](const Row& row) { names.emplace_back(row.text(0)); }) == 2);
  std::sort(names.begin(), names.end());
  CHECK(names == std::vector<std::string>{"a", "b"});
  CHECK(c.run("DELETE FROM settings", {}) == 0);
  CHECK(c.run("SELECT CAST(1 AS BIGINT)", {}, [&](const Row&) { c.run(insert_setting, {"c", "1", 1}); }) == 0);
}

void a_statement_runs_inside_its_own_rows(Connection& c) {
  for (const auto* name : {"a", "b", "c"}) c.run(insert_setting, {name, name, 1});
  const auto text = "SELECT name FROM settings WHERE name > $1 ORDER BY name";
  std::string got;
  c.run(text, {""}, [&](const Row& row) {
    got.append(row.text(0)).append(":");
    c.run(text, {row.text(0)}, [&](const Row& inner) { got.append(inner.text(0)); });
    got.append(" ");
  });
  CHECK(got == "a:bc b:c c: ");
}

void constraints_are_named(Connection& c) {
  c.run(insert_user, {"anna", "admin"});
  struct Case {
    const char* text;
    std::vector<sql::Value> params;
    const char *constraint, *table;
    bool unique;
  };
  const Case cases[] = {
      {insert_user, {"anna", "user"}, "unique", "users", true},
      {insert_user, {"berta", "emperor"}, "check", "users", false},
      {"INSERT INTO user_sessions (session_id, user_name, created_at, expires_at) VALUES ($1, $2, 0, 0)",
       {"s", "nobody"},
       "foreign",
       "user_sessions",
       false},
      {"INSERT INTO settings (name, value, updated_at) VALUES ($1, NULL, 0)", {"a"}, "other", "settings", false},
      {"UPDATE users SET role = $1", {"emperor"}, "check", "users", false},
  };
  for (const auto& row : cases) {
    CAPTURE(row.text);
    const auto error = thrown([&] { c.run(row.text, row.params); });
    REQUIRE(error);
    CHECK(error->code() == Code::database_failed);
    REQUIRE(error->detail("constraint"));
    CHECK(*error->detail("constraint") == row.constraint);
    CHECK(*error->detail("table") == row.table);
    CHECK(sql::is_unique_violation(*error) == row.unique);
  }
  CHECK_FALSE(sql::is_unique_violation(std::runtime_error("other")));
  CHECK_CODE(c.run("SELECT nonsense FROM nowhere", {}), Code::database_failed);
}

void insert_many_inserts_all_or_nothing(Connection& c) {
  const std::string_view columns[] = {"path", "version", "box", "created_at"};
  const auto insert = [&](std::int64_t first, std::int64_t last) {
    auto n = first;
    std::string path;
    c.insert_many("secrets", columns, [&](std::span<sql::Value> row) {
      if (n > last) return false;
      path = "p" + std::to_string(n);
      row[0] = path;
      row[1] = n;
      row[2] = n % 2 == 0 ? sql::Value(std::monostate{}) : sql::Value("box");
      row[3] = 7;
      ++n;
      return true;
    });
  };
  insert(1, 2500);
  CHECK(count(c, "secrets") == 2500);
  CHECK(test::integer_of(c, "SELECT count(*) FROM secrets WHERE box IS NULL") == 1250);
  CHECK(test::integer_of(c, "SELECT sum(version) FROM secrets") == 2500 * 2501 / 2);
  CHECK(test::text_of(c, "SELECT path FROM secrets WHERE version = $1", {1999}) == "p1999");
  CHECK_THROWS_AS(insert(2501 - 10, 2600), Error);
  CHECK(count(c, "secrets") == 2500);
  insert(1, 0);
  CHECK(count(c, "secrets") == 2500);
}

void what_waits_is_seen_by_what_follows(Connection& c) {
  constexpr std::string_view columns[] = {"name", "value", "updated_at"};
  const auto insert = [&](std::string_view name, std::string_view value) {
    const sql::Value row[] = {name, value, 1};
    c.insert_later("settings", columns, row);
  };
  c.transaction(Access::write, [&] {
    insert("a", "1");
    insert("b", "1");
    c.later("UPDATE settings SET value = $1 WHERE name = $2", {"2", "b"});
    insert("c", "1");
    CHECK(count(c, "settings") == 3);
    CHECK(test::text_of(c, "SELECT value FROM settings WHERE name = 'b'") == "2");
    insert("d", "1");
    c.later("DELETE FROM settings WHERE name = $1", {"a"});
    insert("a", "3");
  });
  CHECK(test::text_of(c, "SELECT value FROM settings WHERE name = 'a'") == "3");
  CHECK(count(c, "settings") == 4);
  insert("e", "1");
  c.later("UPDATE settings SET value = $1 WHERE name = $2", {"5", "e"});
  CHECK(test::text_of(c, "SELECT value FROM settings WHERE name = 'e'") == "5");
}

void what_waits_and_fails_spoils_the_whole(Connection& c) {
  constexpr std::string_view columns[] = {"name", "value", "updated_at"};
  const sql::Value row[] = {"a", "1", 1};
  const auto twice = [&](const std::function<void()>& then) {
    c.transaction(Access::write, [&] {
      c.insert_later("settings", columns, row);
      c.later(insert_setting, {"b", "1", 1});
      c.insert_later("settings", columns, row);
      then();
    });
  };
  const auto error = thrown([&] { twice([] {}); });
  CHECK(sql::is_unique_violation(*error));
  CHECK(error->detail("table") != nullptr);
  CHECK(sql::is_unique_violation(*thrown([&] { twice([&] { count(c, "settings"); }); })));
  CHECK_THROWS_AS(twice([] { throw std::runtime_error("stop"); }), std::exception);
  CHECK(count(c, "settings") == 0);
  CHECK_THROWS_AS(c.transaction(Access::write,
                                [&] {
                                  c.insert_later("settings", columns, row);
                                  throw std::runtime_error("stop");
                                }),
                  std::runtime_error);
  c.transaction(Access::write, [&] { c.later(insert_setting, {"b", "1", 1}); });
  CHECK(count(c, "settings") == 1);
}

void update_many_finds_rows_by_their_keys(Connection& c) {
  for (int n = 0; n < 3; ++n) c.run(insert_setting, {std::string(1, static_cast<char>('a' + n)), "1", n});
  constexpr std::string_view columns[] = {"name", "updated_at", "value"};
  constexpr std::size_t keys = 2;
  const std::tuple<const char*, int, const char*> rows[] = {{"a", 0, "2"}, {"b", 7, "3"}, {"c", 2, "4"}};
  auto next = std::begin(rows);
  c.update_many("settings", columns, keys, [&](std::span<sql::Value> row) {
    if (next == std::end(rows)) return false;
    row[0] = std::string_view(std::get<0>(*next));
    row[1] = std::get<1>(*next);
    row[2] = std::string_view(std::get<2>(*next));
    ++next;
    return true;
  });
  for (const auto& [name, value] : {std::pair{"a", "2"}, {"b", "1"}, {"c", "4"}})
    CHECK(test::text_of(c, "SELECT value FROM settings WHERE name = $1", {name}) == value);
  bool given = false;
  CHECK_THROWS_AS(c.update_many("settings", columns, keys,
                                [&](std::span<sql::Value> row) {
                                  row[0] = "a";
                                  row[1] = 0;
                                  row[2] = sql::Value();
                                  return !std::exchange(given, true);
                                }),
                  Error);  // NOT NULL
}

void one_of_several_texts_is_found(Connection& c) {
  for (const auto* name : {"a", "b", "it's \"one\"", "ü"}) c.run(insert_setting, {name, "1", 1});
  const auto found = [&](const std::vector<std::string>& names) {
    const auto wanted = sql::one_of(c.dialect(), 2, names);
    return test::integer_of(c, "SELECT count(*) FROM settings WHERE value = $1 AND name " + wanted.condition,
                            {"1", wanted.value});
  };
  CHECK(found({}) == 0);
  CHECK(found({"a"}) == 1);
  CHECK(found({"a", "c", "a"}) == 1);
  CHECK(found({"a", "b", "it's \"one\"", "ü"}) == 4);
}

void transactions_are_whole(Connection& c, Connection& other) {
  CHECK_THROWS_AS(c.transaction(Access::write,
                                [&] {
                                  c.run(insert_setting, {"a", "1", 1});
                                  throw std::runtime_error("stop");
                                }),
                  std::runtime_error);
  CHECK(count(c, "settings") == 0);
  c.transaction(Access::write, [&] {
    c.run(insert_setting, {"a", "1", 1});
    CHECK(count(other, "settings") == 0);
    c.transaction(Access::write, [&] { c.run(insert_setting, {"b", "1", 1}); });
    c.transaction(Access::read, [&] { CHECK(count(c, "settings") == 2); });
    CHECK(count(other, "settings") == 0);
  });
  CHECK(count(other, "settings") == 2);
}

void a_failed_part_spoils_the_whole(Connection& c) {
  const auto swallow = [&] {
    c.transaction(Access::write, [&] {
      c.run(insert_setting, {"a", "1", 1});
      CHECK_THROWS_AS(c.transaction(Access::write, [] { throw std::runtime_error("stop"); }), std::runtime_error);
    });
  };
  CHECK_CODE(swallow(), Code::internal);
  CHECK(count(c, "settings") == 0);
  c.transaction(Access::write, [&] { c.run(insert_setting, {"a", "1", 1}); });
  CHECK(count(c, "settings") == 1);
  CHECK_CODE(c.transaction(Access::read, [&] { c.transaction(Access::write, [] {}); }), Code::internal);
}

void a_read_transaction_sees_one_state(Connection& c, Connection& other) {
  c.run(insert_setting, {"a", "1", 1});
  c.transaction(Access::read, [&] {
    CHECK(count(c, "settings") == 1);
    other.run(insert_setting, {"b", "1", 1});
    CHECK(count(c, "settings") == 1);
  });
  CHECK(count(c, "settings") == 2);
}

void a_lease_is_taken_once(Connection& c, Connection& other) {
  c.run(insert_setting, {"lease", "", 0});
  const auto take = [](Connection& connection, std::string_view holder) {
    std::string got;
    connection.run(
        "UPDATE settings SET value = $1, updated_at = $2 + 10 WHERE name = 'lease' AND updated_at <= $2 RETURNING "
        "value",
        {holder, 100}, [&](const Row& row) { got = row.text(0); });
    return got;
  };
  CHECK(take(c, "c") == "c");
  CHECK(take(other, "other").empty());
  CHECK(test::text_of(c, "SELECT value FROM settings") == "c");
}

void connection_contract(const std::function<Connect()>& fresh) {
  const auto on = [&](const std::function<void(Connection&)>& part) { part(*fresh()()); };
  const auto on_two = [&](const std::function<void(Connection&, Connection&)>& part) {
    const auto connect = fresh();
    part(*connect(), *connect());
  };
  SUBCASE("values come back as they went in") {
    on(values_come_back);
  }
  SUBCASE("parameters are bound by number") {
    on(parameters_are_bound_by_number);
  }
  SUBCASE("run tells how many rows changed") {
    on(run_tells_how_many_rows_changed);
  }
  SUBCASE("a statement runs inside its own rows") {
    on(a_statement_runs_inside_its_own_rows);
  }
  SUBCASE("constraints are named") {
    on(constraints_are_named);
  }
  SUBCASE("insert_many inserts all or nothing") {
    on(insert_many_inserts_all_or_nothing);
  }
  SUBCASE("what waits is seen by what follows") {
    on(what_waits_is_seen_by_what_follows);
  }
  SUBCASE("what waits and fails spoils the whole") {
    on(what_waits_and_fails_spoils_the_whole);
  }
  SUBCASE("update_many finds rows by their keys") {
    on(update_many_finds_rows_by_their_keys);
  }
  SUBCASE("one of several texts is found") {
    on(one_of_several_texts_is_found);
  }
  SUBCASE("transactions are whole") {
    on_two(transactions_are_whole);
  }
  SUBCASE("a failed part spoils the whole transaction") {
    on(a_failed_part_spoils_the_whole);
  }
  SUBCASE("a read transaction sees one state") {
    on_two(a_read_transaction_sees_one_state);
  }
  SUBCASE("a lease is taken once") {
    on_two(a_lease_is_taken_once);
  }
}

std::function<Connect()> fresh_of(sql::Dialect dialect) {
  return [dialect]() -> Connect {
    const auto database = std::make_shared<test::TestDatabase>(dialect);
    return [database] { return database->another(); };
  };
}

TEST_CASE("SQLite keeps the contract of a connection") {
  connection_contract(fresh_of(sql::Dialect::sqlite));
}

TEST_CASE("PostgreSQL keeps the contract of a connection") {
  connection_contract(fresh_of(sql::Dialect::postgres));
}

TEST_CASE("a connection that may fail, and does not, keeps the contract") {
  test::Faults faults(Code::database_unreachable);
  connection_contract([&]() -> Connect {
    return [&, connect = fresh_of(sql::Dialect::sqlite)()] {
      return std::make_unique<test::FaultyConnection>(connect(), faults);
    };
  });
}

}  // namespace
