#include <sqlite3.h>

#include <cerrno>

#include "base/text.hpp"
#include "sql/sqlite.hpp"
#include "sql/statements.hpp"

namespace ymgr::sql {
namespace {

std::string_view constraint_kind(int result) noexcept {
  switch (result) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID: return "unique";
    case SQLITE_CONSTRAINT_FOREIGNKEY: return "foreign";
    case SQLITE_CONSTRAINT_CHECK: return "check";
    default: return "other";
  }
}

/// "UNIQUE constraint failed: users.name" names the table, a foreign key or check does not.
std::string table_of(std::string_view message, std::string_view statement) {
  const auto colon = message.find(": ");
  const auto dot = message.find('.', colon == std::string_view::npos ? 0 : colon);
  if (colon == std::string_view::npos || dot == std::string_view::npos || !message.starts_with("UNIQUE"))
    return table_of_statement(statement);
  return std::string(message.substr(colon + 2, dot - colon - 2));
}

Code code_of(int result) noexcept {
  switch (result & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return Code::database_busy;
    case SQLITE_FULL:
    case SQLITE_READONLY:
    case SQLITE_IOERR: return Code::disk_unusable;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return Code::database_corrupt;
    default: return Code::database_failed;
  }
}

}  // namespace

void CloseDatabase::operator()(sqlite3* db) const noexcept {
  sqlite3_close_v2(db);
}
void FinalizeStatement::operator()(sqlite3_stmt* statement) const noexcept {
  sqlite3_finalize(statement);
}

Error sqlite_error(sqlite3* db, std::string_view path, std::string_view statement) {
  return sqlite_error(db, sqlite3_extended_errcode(db), path, statement);
}

Error sqlite_error(sqlite3* db, int result, std::string_view path, std::string_view statement) {
  const int error_number = sqlite3_system_errno(db);
  if ((result & 0xff) == SQLITE_CANTOPEN) return system_error("open", path, error_number != 0 ? error_number : EIO);
  const bool held_by_handle = result == sqlite3_extended_errcode(db);
  const std::string reason = held_by_handle ? sqlite3_errmsg(db) : sqlite3_errstr(result);
  const auto message = "database " + std::string(path) + ": " + reason;
  if ((result & 0xff) != SQLITE_CONSTRAINT) return {code_of(result), message};
  return {Code::database_failed,
          message,
          {},
          {{"constraint", std::string(constraint_kind(result))}, {"table", table_of(reason, statement)}}};
}

bool is_unique_violation(const std::exception& error) noexcept {
  const auto* ours = dynamic_cast<const Error*>(&error);
  if (ours == nullptr || ours->code() != Code::database_failed) return false;
  const auto* constraint = ours->detail("constraint");
  return constraint != nullptr && *constraint == "unique";
}

}  // namespace ymgr::sql
