// `ymgr init --team` and `--join`.
#pragma once
#include "cli/command.hpp"
#include "sql/connection.hpp"
#include "workflow/team_plan.hpp"

namespace ymgr::cli {

/// --database-user and --database-password-file, else PGUSER and postgres.
sql::PostgresSettings database_login(Invocation&, const team::Settings&);

/// `init` with --team.
Result init_team(Invocation&);
/// `init` with --join.
Result join_team(Invocation&);

}  // namespace ymgr::cli
