// Migrated, otherwise empty PostgreSQL databases. Making one takes 0.1 s, so they are cleaned and used again.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "sql/connection.hpp"
#include "support/postgres.hpp"

namespace ymgr::test {

inline sql::PostgresSettings postgres_settings(const std::string& database, const Postgres& server = Postgres::here()) {
  sql::PostgresSettings settings;
  settings.host = server.host();
  settings.port = server.port();
  settings.database = database;
  settings.user = Postgres::user;
  settings.application_name = "test";
  return settings;
}

class PostgresDatabase {
 public:
  PostgresDatabase() : own_(take()) {}
  ~PostgresDatabase() {
    if (clean(*own_.admin)) free_ones().push_back(std::move(own_));
  }
  PostgresDatabase(const PostgresDatabase&) = delete;
  PostgresDatabase& operator=(const PostgresDatabase&) = delete;
  const std::string& name() const { return own_.name; }
  std::unique_ptr<sql::Connection> connect() const { return sql::open_postgres(postgres_settings(name())); }

 private:
  struct Database {
    std::string name;
    std::unique_ptr<sql::Connection> admin;
  };
  static std::vector<Database>& free_ones() {
    static std::vector<Database> databases;
    return databases;
  }

  static Database take() {
    static int made = 0;
    if (!free_ones().empty()) {
      auto database = std::move(free_ones().back());
      free_ones().pop_back();
      return database;
    }
    const auto name = "test" + std::to_string(++made);
    server().run_script("CREATE DATABASE " + name + " TEMPLATE " + model());
    return {name, sql::open_postgres(postgres_settings(name))};
  }

  static sql::Connection& server() {
    static const auto connection = sql::open_postgres(postgres_settings("postgres"));
    return *connection;
  }

  static const std::string& model() {
    static const std::string name = [] {
      server().run_script("CREATE DATABASE model");
      const auto connection = sql::open_postgres(postgres_settings("model"));
      sql::migrate(*connection);
      connection->run("INSERT INTO database_roles VALUES ($1, $1)", {Postgres::user});
      connection->run_script(
          "CREATE SCHEMA kept; CREATE TABLE kept.database_roles AS TABLE database_roles; CREATE TABLE "
          "kept.schema_migrations AS TABLE schema_migrations; CREATE TABLE "
          "kept.audit_head "
          "AS TABLE audit_head; CREATE TABLE kept.form AS " +
          std::string(form));
      return "model";
    }();
    return name;
  }

  /// What a test may have changed beside rows and disabled triggers.
  static constexpr auto form =
      "SELECT (SELECT count(*) FROM pg_trigger) AS triggers, (SELECT count(*) FROM pg_attribute WHERE attrelid IN "
      "(SELECT "
      "oid FROM pg_class WHERE relnamespace = 'ymgr'::regnamespace)) AS columns";

  static constexpr auto restore =
      "SET session_replication_role = replica;"
      "DO $$ DECLARE name text; BEGIN "
      "FOR name IN SELECT oid::regclass FROM pg_class WHERE relnamespace = 'ymgr'::regnamespace AND relkind = 'r' LOOP "
      "EXECUTE 'DELETE FROM ' || name; END LOOP; "
      "FOR name IN SELECT DISTINCT tgrelid::regclass FROM pg_trigger WHERE tgenabled = 'D' LOOP "
      "EXECUTE 'ALTER TABLE ' || name || ' ENABLE TRIGGER ALL'; END LOOP; END $$;"
      "INSERT INTO database_roles SELECT * FROM kept.database_roles;"
      "INSERT INTO schema_migrations SELECT * FROM kept.schema_migrations;"
      "INSERT INTO audit_head SELECT * FROM kept.audit_head;"
      "SET session_replication_role = origin";

  /// False: its tables are not what they were.
  static bool clean(sql::Connection& admin) {
    bool same = false;
    admin.run(std::string(form) + " INTERSECT SELECT * FROM kept.form", {}, [&](const sql::Row&) { same = true; });
    if (same) admin.run_script(restore);
    return same;
  }

  Database own_;
};

}  // namespace ymgr::test
