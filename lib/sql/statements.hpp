// The few statements whose text differs between the databases, side by side.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "sql/connection.hpp"

namespace ymgr::sql {

/// One row when the table $1 is there.
std::string_view find_table(Dialect) noexcept;
/// Run before the first migration: what its tables stand in. Empty: nothing.
std::string_view make_schema(Dialect) noexcept;
/// Name, role and status of whom a login of PostgreSQL belongs to; on SQLite nobody's, since there are no logins.
std::string_view find_actor(Dialect) noexcept;
/// Version as a number (150004), the server's clock in microseconds, and 1 where it takes no writes (a standby, or read-only).
std::string_view server_facts(Dialect) noexcept;
/// One BIGINT, a time that this host's clock can't set back: of the last audit event, or of the server's clock. No row: there is none.
std::string_view latest_time(Dialect) noexcept;
/// One BIGINT, before which no audit event may stand; empty: the database sets their times itself.
std::string_view last_event_time(Dialect) noexcept;
/// From now on each run of a statement is planned anew: for tables that grow while they are filled. Empty: nothing to say.
std::string_view plan_each_run(Dialect) noexcept;

/// That a text is one of several, which are one parameter: `condition` stands behind the column's name, `value` is the parameter
/// `place`. Of many texts, too, the column's index is used.
struct OneOf {
  std::string condition, value;
};
OneOf one_of(Dialect, int place, const std::vector<std::string>& texts);

/// The name after INTO, UPDATE or FROM; empty: none.
std::string table_of_statement(std::string_view statement);

}  // namespace ymgr::sql
