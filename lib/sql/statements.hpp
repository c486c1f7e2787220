// The few statements whose text differs between the databases, side by side.
#pragma once
#include <string>
#include <string_view>

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
/// From now on each run of a statement is planned anew: for tables that grow while they are filled. Empty: nothing to say.
std::string_view plan_each_run(Dialect) noexcept;

/// The name after INTO, UPDATE or FROM; empty: none.
std::string table_of_statement(std::string_view statement);

}  // namespace ymgr::sql
