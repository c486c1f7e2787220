// The two schemas are written twice; here they are compared.
#include <doctest/doctest.h>

#include <atomic>
#include <map>
#include <thread>

#include "sql/migrations.hpp"
#include "support/database.hpp"
#include "support/thrown.hpp"

using namespace ymgr;
using Lines = std::vector<std::string>;

namespace {

Lines lines_of(sql::Connection& db, std::string_view text) {
  Lines lines;
  db.run(text, {}, [&](const sql::Row& row) { lines.emplace_back(row.text(0)); });
  return lines;
}

/// "table.column BIGINT needed key 1", in the tables' order.
constexpr auto sqlite_columns =
    "SELECT t.name || '.' || c.name || ' ' || replace(c.type, 'INTEGER', 'BIGINT') || CASE WHEN c.\"notnull\" OR c.pk "
    "THEN "
    "' needed' ELSE '' END || ' key ' || c.pk || ' default ' || coalesce(c.dflt_value, '') FROM sqlite_schema t JOIN "
    "pragma_table_info(t.name) c WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%' ORDER BY t.name, c.cid";
constexpr auto postgres_columns =
    "SELECT t.relname || '.' || a.attname || ' ' || upper(format_type(a.atttypid, a.atttypmod)) || CASE WHEN "
    "a.attnotnull "
    "THEN ' needed' ELSE '' END || ' key ' || coalesce(array_position(i.indkey::int[], a.attnum::int) + 1, 0) || ' "
    "default "
    "' || coalesce(pg_get_expr(d.adbin, d.adrelid), '') FROM pg_class t JOIN pg_attribute a ON a.attrelid = t.oid AND "
    "a.attnum > 0 LEFT JOIN pg_index i ON i.indrelid = t.oid AND i.indisprimary LEFT JOIN pg_attrdef d ON d.adrelid = "
    "t.oid "
    "AND d.adnum = a.attnum WHERE t.relnamespace = 'ymgr'::regnamespace AND t.relkind = 'r' AND t.relname <> "
    "'database_roles' ORDER BY t.relname COLLATE \"C\", a.attnum";

/// "index unique table.column ...", but for those that a key brings, and a team's own (of lists within a column).
constexpr auto sqlite_indexes =
    "SELECT i.name || CASE WHEN i.\"unique\" THEN ' unique ' ELSE ' ' END || t.name || ' ' || (SELECT "
    "group_concat(name, ',') "
    "FROM pragma_index_info(i.name)) || CASE WHEN i.partial THEN ' partial' ELSE '' END FROM sqlite_schema t JOIN "
    "pragma_index_list(t.name) i WHERE t.type = 'table' AND i.origin = 'c' ORDER BY i.name";
constexpr auto postgres_indexes =
    "SELECT n.relname || CASE WHEN i.indisunique THEN ' unique ' ELSE ' ' END || t.relname || ' ' || (SELECT "
    "string_agg(a.attname, ',' ORDER BY k.place) FROM unnest(i.indkey::int[]) WITH ORDINALITY AS k(number, place) JOIN "
    "pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number) || CASE WHEN i.indpred IS NULL THEN '' ELSE ' "
    "partial' "
    "END FROM pg_index i JOIN pg_class n ON n.oid = i.indexrelid AND n.relam = (SELECT oid FROM pg_am WHERE amname = "
    "'btree') JOIN pg_class t ON t.oid = i.indrelid WHERE "
    "t.relnamespace "
    "= 'ymgr'::regnamespace AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = i.indexrelid AND "
    "c.contype IN "
    "('p', 'u')) ORDER BY n.relname COLLATE \"C\"";

}  // namespace

TEST_CASE("PostgreSQL's tables are column for column SQLite's") {
  const test::TestDatabase sqlite(sql::Dialect::sqlite), postgres(sql::Dialect::postgres);
  CHECK(lines_of(*sqlite, sqlite_columns).size() > 100);
  CHECK(lines_of(*postgres, postgres_columns) == lines_of(*sqlite, sqlite_columns));
  CHECK(lines_of(*postgres, postgres_indexes) == lines_of(*sqlite, sqlite_indexes));
  const auto migrations = sql::migrations(sql::Dialect::sqlite), others = sql::migrations(sql::Dialect::postgres);
  REQUIRE(migrations.size() == others.size());
  for (std::size_t i = 0; i < migrations.size(); ++i) {
    CHECK(migrations[i].name == others[i].name);
    CHECK(migrations[i].min_client() == others[i].min_client());
  }
}

TEST_CASE("several may bring an empty PostgreSQL database to this version at once") {
  sql::open_postgres(test::postgres_settings("postgres"))->run_script("CREATE DATABASE several");
  const auto migrate = [] { sql::migrate(*sql::open_postgres(test::postgres_settings("several"))); };
  std::thread other(migrate);
  migrate();
  other.join();
  const auto db = sql::open_postgres(test::postgres_settings("several"));
  CHECK(sql::check_schema(*db) == sql::schema_version());
  sql::migrate(*db);
  CHECK(test::integer_of(*db, "SELECT count(*) FROM schema_migrations") == sql::schema_version());
}

TEST_CASE("migrate waits until whoever writes is done") {
  sql::open_postgres(test::postgres_settings("postgres"))->run_script("CREATE DATABASE waiting");
  const auto writer = sql::open_postgres(test::postgres_settings("waiting"));
  const auto watcher = sql::open_postgres(test::postgres_settings("waiting"));
  std::atomic<bool> done = false;
  std::thread other;
  bool waited = false;
  writer->transaction(sql::Access::write, [&] {
    writer->run("SELECT 1", {});  // begins it
    other = std::thread([&] {
      sql::migrate(*sql::open_postgres(test::postgres_settings("waiting")));
      done = true;
    });
    while (!waited && !done)
      waited = test::integer_of(*watcher,
                                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND "
                                "database = (SELECT oid FROM pg_database WHERE datname = current_database())") > 0;
    CHECK(test::integer_of(*watcher, "SELECT count(*) FROM pg_namespace WHERE nspname = 'ymgr'") == 0);
  });
  other.join();
  CHECK(waited);
  CHECK(sql::check_schema(*watcher) == sql::schema_version());
}

TEST_CASE("PostgreSQL compares every text by its bytes") {
  const test::TestDatabase db(sql::Dialect::postgres);
  CHECK(lines_of(
            *db,
            "SELECT table_name || '.' || column_name FROM information_schema.columns WHERE table_schema = 'ymgr' AND "
            "data_type = 'text' AND collation_name IS DISTINCT FROM 'C' AND table_name IN (SELECT relname FROM "
            "pg_class WHERE relkind = 'r') AND table_name <> 'schema_migrations'") == Lines{});
}

TEST_CASE("every function has a search_path of its own, or names that were looked up when it was made") {
  const test::TestDatabase db(sql::Dialect::postgres);
  CHECK(
      lines_of(*db,
               "SELECT proname::text FROM pg_proc WHERE pronamespace = 'ymgr'::regnamespace AND proconfig IS NULL AND "
               "prosqlbody IS NULL") == Lines{});
}

TEST_CASE("the audit trigger of PostgreSQL sets place, time, actor and hash itself") {
  const test::TestDatabase db(sql::Dialect::postgres);
  struct Case {
    std::int64_t seq, at;
    const char *actor, *request_id, *event, *target, *data, *hash;
  };
  const Case cases[] = {
      // made by another program
      {1, 0, "", "", "", "", "", "98151d84cd5c5d71f7e911ee1961296e542264926ce06c375c237cd6a461c227"},
      {2, 1'742'999'999'123'456, "anna", "req-1", "issue.requested", "api.example.com", R"({"a":1})",
       "a27bdd38117dec345e2b713aebc5a45e25c7c309060f7cc4aae09ce02c41311b"},
      {3, -1, "Jörg", "req|2", "a|1:b", "鍵🔑", R"({"text":"ü|\n"})",
       "bd12857348ca76b6245ba9f827dab218a9cbf3edd001b0ae6963361c87a66407"},
  };
  std::string previous(64, '0');
  for (const auto& row : cases) {
    previous = test::text_of(*db, "SELECT audit_hash($1, $2, $3, $4, $5, $6, $7, $8)",
                             {previous, row.seq, row.at, row.actor, row.request_id, row.event, row.target, row.data});
    CHECK(previous == row.hash);
  }
  for (int i = 0; i < 2; ++i)
    db->run(
        "INSERT INTO audit_events (seq, at, actor, request_id, event, target, data, hash) VALUES (90, 1, 'berta', '', "
        "'e', '', '{}', 'x')",
        {});
  CHECK(lines_of(*db, "SELECT seq || ' ' || actor FROM audit_events ORDER BY seq") == Lines{"1 anna", "2 anna"});
  CHECK(test::integer_of(*db, "SELECT count(*) FROM audit_events WHERE at < 1700000000000000 OR hash = 'x'") == 0);
  CHECK(test::text_of(*db, "SELECT hash FROM audit_head") ==
        test::text_of(*db, "SELECT hash FROM audit_events WHERE seq = 2"));
}

TEST_CASE("PostgreSQL knows the person behind a role that Vault made") {
  const test::TestDatabase db(sql::Dialect::postgres);
  db->run("INSERT INTO database_roles VALUES ('u-0b1c', 'berta')", {});
  db->run("UPDATE database_roles SET user_name = 'Anna' WHERE role_name = 'anna'", {});
  CHECK(test::text_of(*db, "SELECT actor()") == "Anna");
  struct Case {
    const char *role, *actor;
  };
  const Case cases[] = {
      {"u-0b1c.Xy12", "berta"}, {"u-0b1c", "berta"}, {"u-0b1", "role:u-0b1"}, {"u-0b1c.a.b", "role:u-0b1c.a.b"}};
  for (const auto& row : cases) {
    db->run_script("SET SESSION AUTHORIZATION DEFAULT; DROP ROLE IF EXISTS \"" + std::string(row.role) +
                   "\"; CREATE ROLE \"" + row.role + "\"; GRANT USAGE ON SCHEMA ymgr TO \"" + row.role +
                   "\"; SET SESSION AUTHORIZATION \"" + row.role + "\"");
    CHECK(test::text_of(*db, "SELECT actor()") == row.actor);
    db->run_script("SET SESSION AUTHORIZATION DEFAULT; DROP OWNED BY \"" + std::string(row.role) + "\"; DROP ROLE \"" +
                   row.role + "\"");
  }
}

TEST_CASE("nothing gets past the triggers of PostgreSQL") {
  const test::TestDatabase db(sql::Dialect::postgres);
  db->run("INSERT INTO audit_events (request_id, event, target, data) VALUES ('', 'e', '', '{}')", {});
  for (const auto* text : {"UPDATE audit_events SET event = 'x'", "UPDATE audit_events SET hash = NULL",
                           "DELETE FROM audit_events", "TRUNCATE audit_events", "TRUNCATE certificates CASCADE"}) {
    const auto error = thrown([&] { db->run(text, {}); });
    REQUIRE(error);
    CHECK(error->code() == Code::database_failed);
    CHECK(*error->detail("constraint") == "other");
  }
}

TEST_CASE("what sees an older state can't fork the chain") {
  const test::TestDatabase db(sql::Dialect::postgres);
  const auto other = db.another();
  const auto insert = "INSERT INTO audit_events (request_id, event, target, data) VALUES ('', 'e', '', '{}')";
  db->run_script("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM audit_events;");
  other->run(insert, {});
  const auto error = thrown([&] { db->run_script(insert); });
  REQUIRE(error);
  CHECK(*error->detail("constraint") == "unique");
  db->run_script("ROLLBACK");
  CHECK(test::integer_of(*db, "SELECT count(*) FROM audit_events") == 1);
}

TEST_CASE("people read real times") {
  const test::TestDatabase db(sql::Dialect::postgres);
  CHECK(test::text_of(*db, "SELECT time_of(1742999999123456) AT TIME ZONE 'UTC'") == "2025-03-26 14:39:59.123456");
  db->run(
      "INSERT INTO devices (serial, owner, status, firmware, form_factor, fips, pin_mode, created_at, updated_at) "
      "VALUES "
      "('1', 'anna', 'factory', '5.7', '', 0, 'user', 0, 0)",
      {});
  CHECK(test::text_of(*db, "SELECT created_at AT TIME ZONE 'UTC' FROM readable_devices") == "1970-01-01 00:00:00");
  for (const auto* view : {"certificates", "operations", "sessions", "audit_events"})
    CHECK(test::integer_of(*db, std::string("SELECT count(*) FROM readable_") + view) == 0);
}
