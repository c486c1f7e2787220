// Secrets of YubiKeys in Vault's key/value engine.
#pragma once
#include <memory>
#include <string>

#include "secrets/secret_store.hpp"
#include "vault/client.hpp"

namespace ymgr {

/// "yubikeys/data/12345678/pin" stands at `mount`/data/12345678/pin, as a JSON object: such values alone can be written, and Vault may give them
/// back with other blanks and another order of members. The paths of other things are not kept there. The client outlives it. Destroying
/// needs more than reading and writing do. @throws Error what vault::Client::call throws; key-not-found: another path
std::unique_ptr<SecretStore> open_vault_secrets(vault::Client&, const std::string& mount);

}  // namespace ymgr
