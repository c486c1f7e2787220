// `ymgr init --team` and `--join`.
#pragma once
#include "cli/command.hpp"

namespace ymgr::cli {

/// `init` with --team.
Result init_team(Invocation&);
/// `init` with --join.
Result join_team(Invocation&);

}  // namespace ymgr::cli
