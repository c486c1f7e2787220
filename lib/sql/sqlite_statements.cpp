#include <sqlite3.h>

#include <string>

#include "sql/sqlite.hpp"

namespace ymgr::sql {
namespace {

constexpr std::size_t most_statements = 256;

std::vector<int> places_of(sqlite3_stmt* statement, std::string_view text) {
  // SQLite numbers $2, $1 by appearance.
  std::vector<int> places;
  const int count = sqlite3_bind_parameter_count(statement);
  for (int n = 1; n <= count; ++n) {
    const int place = sqlite3_bind_parameter_index(statement, ("$" + std::to_string(n)).c_str());
    if (place == 0)
      throw Error(Code::internal, "statement without parameter $" + std::to_string(n) + ": " + std::string(text));
    places.push_back(place);
  }
  return places;
}

}  // namespace

Prepared StatementCache::prepare(std::string_view text, unsigned flags) const {
  sqlite3_stmt* raw = nullptr;
  const char* tail = nullptr;
  const int result = sqlite3_prepare_v3(db_, text.data(), static_cast<int>(text.size()), flags, &raw, &tail);
  Prepared prepared{StatementHandle(raw), {}};
  if (result != SQLITE_OK) throw sqlite_error(db_, result, path_, text);
  const auto rest = std::string_view(tail, static_cast<std::size_t>(text.data() + text.size() - tail));
  if (raw == nullptr || rest.find_first_not_of(" \n") != std::string_view::npos)
    throw Error(Code::internal, "not one statement: " + std::string(text));
  prepared.places = places_of(raw, text);
  return prepared;
}

Prepared& StatementCache::get(std::string_view text, Prepared& spare) {
  const auto found = statements_.find(text);
  if (found == statements_.end()) {
    if (statements_.size() >= most_statements) drop_idle();
    return statements_.emplace(std::string(text), prepare(text, SQLITE_PREPARE_PERSISTENT)).first->second;
  }
  if (sqlite3_stmt_busy(found->second.handle.get()) == 0) return found->second;
  spare = prepare(text, 0);
  return spare;
}

void StatementCache::drop_idle() noexcept {
  std::erase_if(statements_, [](const auto& entry) { return sqlite3_stmt_busy(entry.second.handle.get()) == 0; });
}

}  // namespace ymgr::sql
