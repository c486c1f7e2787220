// How revoke and resume show a revocation.
#pragma once
#include "cli/command.hpp"
#include "workflow/revoke.hpp"

namespace ymgr::cli {

Result revocation_answer(const RevokeAnswer&);

}  // namespace ymgr::cli
