// A new embedded profile: folder, database, data key, CA, policy, first admin.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "authority/authority.hpp"
#include "base/files.hpp"
#include "base/notice.hpp"
#include "base/secret.hpp"
#include "sql/connection.hpp"

namespace ymgr {

struct InitPlan {
  std::string home;  // absolute; absent or an empty folder
  std::string admin;
  Secret password;
  std::string policy;       // text of policy.yaml
  std::string policy_file;  // where it was read, for messages
  LocalCaPlan ca;
  std::optional<Secret> root_passphrase;                // Root::sealed_own_passphrase
  std::string recovery_key_out, root_key_out, csr_out;  // files, 0600 (the request 0644); empty: none
  Existing existing = Existing::refuse;                 // of those files
  bool demo = false;  // marked for ever: attestations of the virtual YubiKey are believed
};

struct InitResult {
  std::string profile_id, policy_version;
  std::vector<CaInfo> cas;  // newest first
};

/// Whether the profile was made as a demo.
bool is_demo(sql::Connection&);

/// Everything that can be wrong with a plan and is seen without making anything.
/// @throws Error user-invalid, password-weak, policy-invalid, profile-exists, file-exists
void check_init(const InitPlan&);

/// Builds the profile in a folder beside its place and renames it there at the very end, so that a killed run leaves no
/// profile; what such a run left is cleared away by the next. The files of the plan are written just before.
/// @throws Error profile-busy: another process is at it · profile-exists · disk-unusable
InitResult init(const InitPlan&);

}  // namespace ymgr
