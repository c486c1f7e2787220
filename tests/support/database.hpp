// A migrated database in a folder of its own, and what tests ask of it.
#pragma once
#include <cstdlib>
#include <memory>
#include <string>

#include "base/files.hpp"
#include "secrets/secret_store.hpp"
#include "sql/connection.hpp"
#include "support/postgres_database.hpp"

namespace ymgr::test {

/// What YMGR_TEST_DATABASE says; the same tests run over both.
inline sql::Dialect test_dialect() {
  const char* name = std::getenv("YMGR_TEST_DATABASE");
  return name != nullptr && std::string_view(name) == "postgres" ? sql::Dialect::postgres : sql::Dialect::sqlite;
}

class TestDatabase {
 public:
  explicit TestDatabase(sql::Dialect dialect = test_dialect())
      : postgres_(dialect == sql::Dialect::postgres ? std::make_unique<PostgresDatabase>() : nullptr),
        connection_(postgres_ ? postgres_->connect() : sql::open_sqlite({.path = path(), .create = true})) {
    if (!postgres_) sql::migrate(*connection_);
  }
  std::string folder() const { return folder_.path(); }
  std::string path() const { return folder_.path() + "/ymgr.db"; }  // SQLite's
  sql::Connection& operator*() const { return *connection_; }
  sql::Connection* operator->() const { return connection_.get(); }
  /// A further connection, as another process has it.
  std::unique_ptr<sql::Connection> another(int busy_milliseconds = 30'000) const {
    if (!postgres_) return sql::open_sqlite({.path = path(), .busy_milliseconds = busy_milliseconds});
    auto settings = postgres_settings(postgres_->name());
    settings.lock_milliseconds = busy_milliseconds;
    return sql::open_postgres(std::move(settings));
  }

 private:
  TemporaryFolder folder_{"ymgr-test"};
  std::unique_ptr<PostgresDatabase> postgres_;
  std::unique_ptr<sql::Connection> connection_;
};

inline std::int64_t integer_of(sql::Connection& connection, std::string_view text,
                               std::initializer_list<sql::Value> params = {}) {
  std::int64_t value = 0;
  connection.run(text, params, [&](const sql::Row& row) { value = row.integer(0); });
  return value;
}
inline std::string text_of(sql::Connection& connection, std::string_view text,
                           std::initializer_list<sql::Value> params = {}) {
  std::string value;
  connection.run(text, params, [&](const sql::Row& row) { value = row.text(0); });
  return value;
}

inline DataKey test_data_key() {
  return {Secret(std::string(32, 'k'))};
}

}  // namespace ymgr::test
