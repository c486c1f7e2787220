// What is PostgreSQL's own; the rules of a connection stand in tests/contract.
#include <doctest/doctest.h>

#include <cstdlib>
#include <thread>

#include "sql/migrations.hpp"
#include "support/broken_wire.hpp"
#include "support/database.hpp"
#include "support/thrown.hpp"
#include "x509/peer.hpp"

using namespace ymgr;
using sql::Access;
using test::integer_of;
using test::PostgresDatabase;
using test::text_of;

namespace {

constexpr auto insert_setting = "INSERT INTO settings (name, value, updated_at) VALUES ($1, $2, 0)";

std::int64_t settings_in(sql::Connection& c) {
  return integer_of(c, "SELECT count(*) FROM settings");
}

void raise(sql::Connection& c, const std::string& state) {
  c.run("DO $$ BEGIN RAISE EXCEPTION 'raised' USING ERRCODE = '" + state + "'; END $$", {});
}

/// As somebody with a password, whom the server knows.
sql::PostgresSettings locked_settings(const std::string& database, std::string_view password) {
  auto settings = test::postgres_settings(database);
  settings.user = "locked";
  settings.password = Secret(password);
  return settings;
}

void end_other_sessions(sql::Connection& c) {
  c.run(
      "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() AND pid <> "
      "pg_backend_pid()",
      {});
}

}  // namespace

TEST_CASE("the server's refusals become codes") {
  const PostgresDatabase database;
  const auto db = database.connect();
  struct Case {
    const char* state;
    Code code;
  };
  const Case cases[] = {{"23505", Code::database_failed},      {"40001", Code::database_busy},
                        {"40P01", Code::database_busy},        {"57014", Code::database_busy},
                        {"55P03", Code::database_busy},        {"42501", Code::database_denied},
                        {"25006", Code::database_read_only},   {"53100", Code::disk_unusable},
                        {"53300", Code::database_unreachable}, {"57P01", Code::database_unreachable},
                        {"57P03", Code::database_unreachable}, {"3D000", Code::database_missing},
                        {"28P01", Code::database_refused},     {"58030", Code::disk_unusable},
                        {"XX001", Code::database_corrupt},     {"22012", Code::database_failed}};
  for (const auto& row : cases) {
    CAPTURE(row.state);
    const auto error = thrown([&] { db->transaction(Access::read, [&] { raise(*db, row.state); }); });
    REQUIRE(error);
    CHECK(error->code() == row.code);
    CHECK(*error->detail("sqlstate") == row.state);
    CHECK(std::string(error->what()).find("raised") != std::string::npos);
  }
}

TEST_CASE("a login that fails says why") {
  const PostgresDatabase database;
  const auto admin = database.connect();
  admin->run_script(
      "DROP ROLE IF EXISTS locked; CREATE ROLE locked LOGIN PASSWORD 'right'; DROP ROLE IF EXISTS single; CREATE ROLE "
      "single LOGIN CONNECTION LIMIT 0");
  CHECK(sql::check_schema(*sql::open_postgres(locked_settings("postgres", "right"))) == 0);
  CHECK_CODE(sql::open_postgres(locked_settings("postgres", "wrong")), Code::database_refused);
  CHECK_CODE(sql::open_postgres(locked_settings("postgres", "")), Code::database_refused);
  CHECK_CODE(sql::open_postgres(locked_settings("nowhere", "right")), Code::database_missing);
  auto settings = test::postgres_settings("postgres");
  settings.user = "stranger";
  CHECK_CODE(sql::open_postgres(std::move(settings)), Code::database_refused);
  settings = test::postgres_settings("postgres");
  settings.user = "single";
  const auto full = thrown([&] { sql::open_postgres(std::move(settings)); });
  CHECK(full->code() == Code::database_unreachable);
  CHECK(full->hint().find("max_connections") != std::string::npos);
  settings = test::postgres_settings("postgres");
  settings.host = "/nonexistent";
  CHECK_CODE(sql::open_postgres(std::move(settings)), Code::database_unreachable);
  settings = test::postgres_settings("postgres");
  settings.port = "5432,5433";
  CHECK_CODE(sql::open_postgres(std::move(settings)), Code::config_invalid);
}

TEST_CASE("credentials that the server refuses are asked for anew") {
  const PostgresDatabase database;
  database.connect()->run_script("DROP ROLE IF EXISTS locked; CREATE ROLE locked LOGIN PASSWORD 'new'");
  auto settings = locked_settings(database.name(), "old");
  int asked = 0;
  settings.new_credentials = [&](sql::PostgresSettings& wanted) {
    ++asked;
    wanted.password = Secret(std::string_view("new"));
  };
  const auto db = sql::open_postgres(std::move(settings));
  CHECK(text_of(*db, "SELECT current_user") == "locked");
  CHECK(asked == 1);
}

TEST_CASE("libpq's environment counts for nothing") {
  const PostgresDatabase database;
  const std::pair<const char*, const char*> variables[] = {
      {"PGHOST", "/nonexistent"}, {"PGHOSTADDR", "192.0.2.1"},         {"PGPORT", "1"},
      {"PGUSER", "nobody"},       {"PGDATABASE", "nowhere"},           {"PGOPTIONS", "-c search_path=public"},
      {"PGSSLMODE", "nonsense"},  {"PGREQUIREPEER", "nobody"},         {"PGPASSFILE", "/dev/full"},
      {"PGAPPNAME", "other"},     {"PGTARGETSESSIONATTRS", "standby"}, {"PGCLIENTENCODING", "LATIN1"}};
  for (const auto& [name, value] : variables) ::setenv(name, value, 1);
  auto settings = test::postgres_settings(database.name());
  const auto error = thrown([&] {
    const auto db = sql::open_postgres(std::move(settings));
    CHECK(text_of(*db, "SELECT current_setting('application_name')") == "test");
    CHECK(text_of(*db, "SELECT current_setting('search_path')") == "ymgr, pg_temp");
    CHECK(text_of(*db, "SELECT current_setting('client_encoding')") == "UTF8");
  });
  for (const auto& [name, value] : variables) ::unsetenv(name);
  CHECK_FALSE(error);
}

TEST_CASE("a missing privilege is named with its table") {
  const PostgresDatabase database;
  const auto admin = database.connect();
  admin->run_script(
      "DROP ROLE IF EXISTS locked; CREATE ROLE locked LOGIN PASSWORD 'right'; GRANT USAGE ON SCHEMA ymgr TO locked; "
      "GRANT "
      "SELECT, INSERT ON settings TO locked; ALTER TABLE settings ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON "
      "settings "
      "USING (name = 'own')");
  const auto db = sql::open_postgres(locked_settings(database.name(), "right"));
  const auto missing = thrown([&] { db->run("SELECT u.name FROM settings s JOIN users u ON u.name = s.name", {}); });
  REQUIRE(missing);
  CHECK(missing->code() == Code::database_denied);
  CHECK(*missing->detail("privilege") == "SELECT");
  CHECK(*missing->detail("table") == "users");
  CHECK(missing->hint().find("GRANT SELECT ON users") != std::string::npos);
  const auto foreign = thrown([&] { db->run(insert_setting, {"other", "x"}); });
  REQUIRE(foreign);
  CHECK(foreign->code() == Code::database_denied);
  CHECK(foreign->hint().find("row security") != std::string::npos);
  CHECK(db->run(insert_setting, {"own", "x"}) == 1);
  admin->run_script(
      "DROP OWNED BY locked; DROP POLICY own ON settings; ALTER TABLE settings DISABLE ROW LEVEL SECURITY");
}

TEST_CASE("a session that was ended is made again, and its transaction run again") {
  const PostgresDatabase database;
  const auto db = database.connect(), other = database.connect();
  CHECK(settings_in(*db) == 0);
  end_other_sessions(*other);
  CHECK(settings_in(*db) == 0);
  end_other_sessions(*other);
  CHECK(db->run(insert_setting, {"a", "1"}) == 1);
  int runs = 0;
  db->transaction(Access::write, [&] {
    db->run(insert_setting, {"b", "1"});
    if (++runs == 1) end_other_sessions(*other);
    db->run(insert_setting, {"c", "1"});
  });
  CHECK(runs == 2);
  CHECK(settings_in(*other) == 3);
}

TEST_CASE("what waits of a session that was ended is written by the next one") {
  const PostgresDatabase database;
  const auto db = database.connect(), other = database.connect();
  int runs = 0;
  db->transaction(Access::write, [&] {
    db->run(insert_setting, {"a", "1"});
    db->later(insert_setting, {"b", "1"});
    if (++runs == 1) end_other_sessions(*other);
    db->later(insert_setting, {"c", "1"});
  });
  CHECK(runs == 2);
  CHECK(settings_in(*other) == 3);
}

TEST_CASE("many that wait go out in parts") {
  const PostgresDatabase database;
  const auto db = database.connect();
  db->transaction(Access::write, [&] {
    for (int n = 0; n < 1201; ++n) db->later(insert_setting, {std::to_string(n), std::string(2000, 'x')});
  });
  CHECK(settings_in(*db) == 1201);
}

TEST_CASE("a text that goes out in many parts is prepared once") {
  const PostgresDatabase database;
  const auto db = database.connect();
  const auto insert = [&](int from) {
    static constexpr std::string_view columns[] = {"name", "value", "updated_at"};
    int n = from;
    std::string name;
    db->insert_many("settings", columns, [&](std::span<sql::Value> row) {
      if (n == from + 5000) return false;
      name = std::to_string(n++);
      row[0] = name;
      row[1] = "1";
      row[2] = std::int64_t{0};
      return true;
    });
  };
  const auto prepared = [&] {
    return integer_of(*db, "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'INSERT INTO settings%'");
  };
  insert(0);
  CHECK(prepared() == 1);
  CHECK_CODE(insert(4000), Code::database_failed);  // the first of them are there
  insert(10'000);
  CHECK(prepared() <= 2);
  CHECK(settings_in(*db) == 10'000);
}

TEST_CASE("rows that were given already are not given twice") {
  const PostgresDatabase database;
  const auto db = database.connect(), other = database.connect();
  int rows = 0;
  CHECK_CODE(db->run("SELECT n, repeat('x', 1000) FROM generate_series(1, 100000) AS n", {},
                     [&](const sql::Row&) {
                       if (++rows == 1) end_other_sessions(*other);
                     }),
             Code::database_unreachable);
  CHECK(rows < 100'000);
  CHECK(settings_in(*db) == 0);
}

TEST_CASE("a session that ends while its rows are read is not replaced under them") {
  const PostgresDatabase database;
  const auto db = database.connect(), other = database.connect();
  int refused = 0;
  CHECK_CODE(db->run("SELECT n, repeat('x', 1000) FROM generate_series(1, 100000) AS n", {},
                     [&](const sql::Row&) {
                       end_other_sessions(*other);
                       if (code_of([&] { settings_in(*db); }) == Code::database_unreachable) ++refused;
                       if (code_of([&] { db->run(insert_setting, {"a", "1"}); }) == Code::database_unreachable)
                         ++refused;
                     }),
             Code::database_unreachable);
  CHECK(refused >= 2);
  CHECK(settings_in(*db) == 0);
}

TEST_CASE("serialization failures and deadlocks are run again, five times in all") {
  const PostgresDatabase database;
  const auto db = database.connect();
  for (const auto* state : {"40001", "40P01"}) {
    int runs = 0;
    db->transaction(Access::write, [&] {
      db->run(insert_setting, {state, "1"});
      if (++runs < 5) raise(*db, state);
    });
    CHECK(runs == 5);
    runs = 0;
    CHECK_CODE(db->transaction(Access::write,
                               [&] {
                                 ++runs;
                                 raise(*db, state);
                               }),
               Code::database_busy);
    CHECK(runs == 5);
  }
  CHECK(settings_in(*db) == 2);
}

TEST_CASE("a statement that failed spoils the transaction, even if nobody tells") {
  const PostgresDatabase database;
  const auto db = database.connect();
  const auto swallow = [&] {
    db->transaction(Access::write, [&] {
      db->run(insert_setting, {"a", "1"});
      CHECK_CODE(raise(*db, "22012"), Code::database_failed);
    });
  };
  CHECK_CODE(swallow(), Code::internal);
  CHECK(settings_in(*db) == 0);
}

TEST_CASE("a lost answer to COMMIT is settled") {
  const PostgresDatabase database;
  test::BrokenWire wire(test::Postgres::here().host());
  auto settings = test::postgres_settings(database.name());
  settings.host = wire.host();
  const auto db = sql::open_postgres(std::move(settings));
  constexpr std::string_view commit("COMMIT\0", 7);  // not READ COMMITTED
  for (const auto loss : {test::Loss::answer, test::Loss::request}) {
    int runs = 0;
    wire.lose(loss, commit);
    db->transaction(Access::write, [&] {
      ++runs;
      db->run("UPDATE settings SET updated_at = updated_at + 1", {});
      db->later("INSERT INTO settings (name, value, updated_at) VALUES ('n', '', 1) ON CONFLICT DO NOTHING", {});
    });
    CHECK(wire.has_lost());
    CHECK(runs == (loss == test::Loss::answer ? 1 : 2));
  }
  CHECK(integer_of(*db, "SELECT updated_at FROM settings") == 2);
  wire.lose(test::Loss::answer, commit);
  CHECK(db->run("UPDATE settings SET updated_at = updated_at + 1", {}) == 1);
  CHECK(integer_of(*db, "SELECT updated_at FROM settings") == 3);
}

TEST_CASE("who blocks all writers is named") {
  const PostgresDatabase database;
  const auto db = database.connect();
  auto settings = test::postgres_settings(database.name());
  settings.lock_milliseconds = 50;
  settings.application_name = "waiting";
  const auto waiting = sql::open_postgres(std::move(settings));
  db->transaction(Access::write, [&] {
    db->run(insert_setting, {"a", "1"});
    const auto error = thrown([&] { waiting->run(insert_setting, {"b", "1"}); });
    REQUIRE(error);
    CHECK(error->code() == Code::database_busy);
    CHECK(error->hint() == "anna (test) writes just now; run the same command again");
  });
  CHECK(waiting->run(insert_setting, {"b", "1"}) == 1);
}

TEST_CASE("a parameter takes the type that comes, and texts may keep changing") {
  const PostgresDatabase database;
  const auto db = database.connect();
  const auto text =
      "INSERT INTO user_sessions (session_id, user_name, created_at, expires_at, ended_at) SELECT $1, $2, $3, "
      "$3 + 1, $4 WHERE false";
  CHECK(db->run(text, {"s", "u", 1'742'999'999'123'456, std::monostate{}}) == 0);
  CHECK(db->run(text, {"s", "u", 1, 2}) == 0);
  CHECK(db->run(text, {"s", "u", 1, std::monostate{}}) == 0);
  for (int i = 0; i < 600; ++i) CHECK(integer_of(*db, "SELECT " + std::to_string(i)) == i);
  CHECK(integer_of(*db, "SELECT count(*) FROM pg_prepared_statements") <= 257);
}

TEST_CASE("PgBouncer works in session mode and is refused in transaction mode") {
  const PostgresDatabase database;
  const auto behind = [&](const test::Pooler& pooler) {
    auto settings = test::postgres_settings(database.name());
    settings.host = pooler.host();
    settings.port = test::Pooler::port;
    return sql::open_postgres(std::move(settings));
  };
  const test::Pooler session(test::Postgres::here(), "session"), transaction(test::Postgres::here(), "transaction");
  const auto db = behind(session);
  CHECK(db->run(insert_setting, {"a", "1"}) == 1);
  CHECK(settings_in(*db) == 1);
  CHECK_CODE(behind(transaction), Code::pooler_unfit);
}

TEST_CASE("a server over TCP must prove who it is, and may be away for a while") {
  test::Postgres server(test::Listen::tls);
  const auto settings = [&](const std::string& host, const std::string& ca_file) {
    auto wanted = test::postgres_settings("postgres", server);
    wanted.host = host;
    wanted.ca_file = ca_file;
    wanted.reconnect_milliseconds = 10'000;
    return wanted;
  };
  CHECK_CODE(sql::open_postgres(settings("localhost", "")), Code::database_untrusted);
  CHECK_CODE(sql::open_postgres(settings("127.0.0.1", server.ca_file())), Code::database_untrusted);
  CHECK_CODE(sql::open_postgres(settings("localhost", server.host() + "/none")), Code::database_untrusted);
  const auto db = sql::open_postgres(settings("localhost", server.ca_file()));
  CHECK(text_of(*db, "SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()") == "TLSv1.3");
  CHECK(peer_certificate(db->tls_session())->common_name == "localhost");
  CHECK(!peer_certificate(nullptr));
  sql::migrate(*db);
  server.stop();
  std::int64_t inserted = 0;
  std::thread client([&] { inserted = db->run(insert_setting, {"a", "1"}); });
  server.start();  // here: it ends with the thread that started it
  client.join();
  CHECK(inserted == 1);
  CHECK(settings_in(*db) == 1);
  db->run_script("ALTER SYSTEM SET ssl = off");
  db->run("SELECT pg_reload_conf()", {});
  constexpr int most_tries = 500;  // until it is reloaded
  const auto without_tls = thrown([&] {
    for (int i = 0; i < most_tries; ++i) sql::open_postgres(settings("localhost", server.ca_file()));
  });
  REQUIRE(without_tls);
  CHECK(without_tls->code() == Code::database_untrusted);
  server.stop();
  CHECK_CODE(sql::open_postgres(settings("localhost", server.ca_file())), Code::database_unreachable);
}

TEST_CASE("a standby answers questions, and writes go to whoever takes over") {
  test::Postgres primary(test::Listen::replicas);
  auto settings = test::postgres_settings("postgres", primary);
  const auto admin = sql::open_postgres(std::move(settings));
  sql::migrate(*admin);
  test::Postgres standby(&primary);
  admin->run_script("ALTER SYSTEM SET synchronous_standby_names = '*'");  // nothing is lost with the primary
  admin->run("SELECT pg_reload_conf()", {});
  const auto alone = sql::open_postgres(test::postgres_settings("postgres", standby));
  CHECK(settings_in(*alone) == 0);
  CHECK_CODE(alone->run(insert_setting, {"a", "1"}), Code::database_read_only);
  alone->transaction(Access::read, [&] { CHECK(settings_in(*alone) == 0); });

  settings = test::postgres_settings("postgres", primary);
  settings.host = standby.host() + "," + primary.host();
  const auto both = sql::open_postgres(std::move(settings));
  CHECK(both->run(insert_setting, {"a", "1"}) == 1);
  primary.stop();
  std::int64_t inserted = 0;
  std::thread client([&] { inserted = both->run(insert_setting, {"b", "1"}); });
  standby.promote();
  client.join();
  CHECK(inserted == 1);
  CHECK(settings_in(*both) == 2);
  CHECK(alone->run(insert_setting, {"c", "1"}) == 1);
  standby.stop();
}
