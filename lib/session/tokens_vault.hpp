// Identity tokens that Vault signs.
#pragma once
#include <memory>
#include <string>

#include "session/identity.hpp"
#include "vault/client.hpp"

namespace ymgr {

/// Of the entity behind the client's token, whose id they name; Vault decides how long they live and can't put the session into them.
/// @param role  of identity/oidc, with client id agent::token_audience  @throws Error what vault::identity_token throws
std::unique_ptr<IdentityTokens> open_vault_tokens(vault::Client&, std::string role);

}  // namespace ymgr
