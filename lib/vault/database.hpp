// Database credentials that Vault makes for a time.
#pragma once
#include <string>
#include <string_view>

#include "vault/lease.hpp"

namespace ymgr::vault {

/// They end with the lease, and with the token that asked for them.
struct DatabaseCredentials {
  std::string username;
  Secret password;
  Lease lease;
};
/// New ones each time. @throws Error vault-not-found: no such role · vault-refused: not for this database · vault-failed: Vault can't
/// reach the database
DatabaseCredentials database_credentials(Client& client, std::string_view mount, std::string_view role);

}  // namespace ymgr::vault
