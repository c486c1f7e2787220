#include "sql/statements.hpp"

namespace ymgr::sql {

std::string_view find_table(Dialect dialect) noexcept {
  switch (dialect) {
    case Dialect::postgres: return "SELECT 1 WHERE to_regclass($1) IS NOT NULL";
    case Dialect::sqlite: break;
  }
  return "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = $1";
}

}  // namespace ymgr::sql
