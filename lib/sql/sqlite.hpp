// What the SQLite adapter's files share; nobody outside this folder includes it.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/error.hpp"
#include "sql/connection.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace ymgr::sql {

struct CloseDatabase {
  void operator()(sqlite3* db) const noexcept;
};
struct FinalizeStatement {
  void operator()(sqlite3_stmt* statement) const noexcept;
};
using DatabaseHandle = std::unique_ptr<sqlite3, CloseDatabase>;
using StatementHandle = std::unique_ptr<sqlite3_stmt, FinalizeStatement>;

/// The Error for the last failed call on `db`. Constraints: details "constraint" (unique, foreign, check, other) and
/// "table", which is taken from SQLite's message or else from `statement`.
Error sqlite_error(sqlite3* db, std::string_view path, std::string_view statement = {});
/// The same for a call that failed with `result` without leaving it in the handle.
Error sqlite_error(sqlite3* db, int result, std::string_view path, std::string_view statement = {});

/// Opens the file and configures the handle; see open_sqlite. `settings` must outlive it.
DatabaseHandle open_handle(const SqliteSettings& settings);

/// One statement, with the place of each `$n` in it.
struct Prepared {
  StatementHandle handle;
  std::vector<int> places;  // places[n-1]: SQLite's index of $n
};

/// Prepared statements by their text. The oldest idle ones go when texts keep changing.
class StatementCache {
 public:
  StatementCache(sqlite3* db, std::string path) : db_(db), path_(std::move(path)) {}
  /// An idle statement; `spare` holds it when the cached one is still stepping (a query inside its own rows).
  Prepared& get(std::string_view text, Prepared& spare);
  void clear() noexcept { statements_.clear(); }

 private:
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  Prepared prepare(std::string_view text, unsigned flags) const;
  void drop_idle() noexcept;

  sqlite3* db_;
  std::string path_;
  std::unordered_map<std::string, Prepared, Hash, std::equal_to<>> statements_;
};

}  // namespace ymgr::sql
