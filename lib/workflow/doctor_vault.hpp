// Vault's addresses, asked one by one without a token.
#pragma once
#include <vector>

#include "workflow/doctor.hpp"

namespace ymgr::doctor {

/// sys/health of each address; what goes wrong at one is its `failure`.
std::vector<VaultNode> ask_nodes(const team::Settings&, Duration timeout);

}  // namespace ymgr::doctor
