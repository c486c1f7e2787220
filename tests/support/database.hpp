// A migrated database in a folder of its own, and what tests ask of it.
#pragma once
#include <memory>
#include <string>

#include "base/files.hpp"
#include "secrets/secret_store.hpp"
#include "sql/connection.hpp"

namespace ymgr::test {

class TestDatabase {
 public:
  TestDatabase() : connection_(sql::open_sqlite({.path = path(), .create = true})) { sql::migrate(*connection_); }
  std::string folder() const { return folder_.path(); }
  std::string path() const { return folder_.path() + "/ymgr.db"; }
  sql::Connection& operator*() const { return *connection_; }
  sql::Connection* operator->() const { return connection_.get(); }
  /// A further connection, as another process has it.
  std::unique_ptr<sql::Connection> another(int busy_milliseconds = 30'000) const {
    return sql::open_sqlite({.path = path(), .busy_milliseconds = busy_milliseconds});
  }

 private:
  TemporaryFolder folder_{"ymgr-test"};
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
