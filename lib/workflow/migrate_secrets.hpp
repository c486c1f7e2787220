// The secrets of YubiKeys on their way to a team's Vault.
#pragma once
#include <string>
#include <vector>

#include "secrets/secret_store.hpp"
#include "workflow/migrate_tables.hpp"

namespace ymgr::migrate {

/// Paths of the documents that the profile keeps of YubiKeys: "yubikeys/data/12345678/pin".
std::vector<std::string> device_documents(sql::Connection& profile);
/// Each read from both. Another document under the same path, or one that was destroyed there, is a conflict.
Compared compare_secrets(const std::vector<std::string>& paths, SecretStore& profile, SecretStore& team,
                         std::vector<Conflict>& conflicts);
/// Writes what is missing, as a first version alone, and reads it back. @return how many   @throws Error version-conflict
std::int64_t copy_secrets(const std::vector<std::string>& paths, SecretStore& profile, SecretStore& team);

}  // namespace ymgr::migrate
