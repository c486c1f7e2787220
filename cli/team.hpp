// `ymgr init --team`, and what the configuration says of the team's servers.
#pragma once
#include "cli/command.hpp"
#include "cli/config.hpp"
#include "workflow/team_plan.hpp"

namespace ymgr::cli {

/// @throws Error config-invalid: a value of the environment that can't be; an address or a host is missing
team::Settings team_settings(const Config&);

/// `init` with --team.
Result init_team(Invocation&);
/// `init` with --join.
Result join_team(Invocation&);

}  // namespace ymgr::cli
