// The schema's steps: the files migrations/DIALECT/NUMBER_NAME.sql, which the program carries.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sql/connection.hpp"

namespace ymgr::sql {

struct Migration {
  std::string_view name;  // "0001_initial"
  std::string_view text;
  int number() const;
  /// The oldest schema_version() that works with the result: the line "-- min_client: N".
  int min_client() const;
  std::string sha256() const;  // of the text, hex
};
/// What a database has of it, compared with what this program knows.
struct SchemaState {
  int version = 0, min_client = 0;   // 0: nothing
  std::vector<std::string> pending;  // names of migrations that it lacks
};
SchemaState schema_state(Connection&);
/// In order, numbered from 1 without gaps.
std::span<const Migration> migrations(Dialect) noexcept;

}  // namespace ymgr::sql
