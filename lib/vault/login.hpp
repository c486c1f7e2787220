// What all logins end with. For this folder.
#pragma once
#include "vault/auth.hpp"

namespace ymgr::vault {

/// Makes the call without a token; the client uses the token of its answer.
Token log_in(Client& client, Call call);

}  // namespace ymgr::vault
