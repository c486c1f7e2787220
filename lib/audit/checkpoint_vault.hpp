// Checkpoints of a team: the head of the audit chain, signed by a key in Vault's transit engine and kept in its key/value engine, where
// the owner of the database can't change them.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "audit/audit.hpp"
#include "vault/client.hpp"

namespace ymgr::audit {

struct CheckpointPlace {
  std::string transit, key;  // "transit", "ymgr-audit"
  std::string kv, path;      // "yubikeys", "ymgr-checkpoints"
};

struct TeamCheckpoint {
  std::int64_t seq = 0;
  std::string hash;              // hex, of that row
  Time at{};                     // when it was made; whole seconds
  std::string by;                // who made it
  std::int64_t key_version = 0;  // of the transit key
  std::string signature;         // base64; covers all of the above but key_version
  std::int64_t version = 0;      // that Vault keeps it as
};
Json to_json(const TeamCheckpoint&);
/// The document as Vault keeps it; Vault's version is for the caller to set. @throws Error checkpoint-invalid
TeamCheckpoint parse_team_checkpoint(std::string_view json);

/// Signs the present head and stores it as the newest. Outside of any transaction.
/// @throws Error chain-broken: the newest so far does not fit the chain · key-not-found: Vault has no such key · version-conflict: another
///   one was made at the same time · vault-denied, and what Client::call throws
TeamCheckpoint write_checkpoint(sql::Connection&, vault::Client&, const CheckpointPlace&, std::string_view by);
/// nullopt: there is none. @throws Error checkpoint-invalid, vault-denied, and what Client::call throws
std::optional<TeamCheckpoint> newest_checkpoint(vault::Client&, const CheckpointPlace&);
/// As compare() of the other kind: is it signed by the transit key, and does the database still have its row with that hash?
std::optional<Finding> compare(sql::Connection&, vault::Client&, const CheckpointPlace&, const TeamCheckpoint&);

}  // namespace ymgr::audit
