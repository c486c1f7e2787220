// A CA in Vault's PKI engine.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "authority/authority.hpp"
#include "vault/client.hpp"

namespace ymgr {

struct VaultCa {
  std::string mount = "pki";
  /// The engine's role that signs such a certificate: its limits are whoever's that wrote it. Called on the command's own thread and
  /// on workers. @throws Error ca-refused: there is none for it
  std::function<std::string(const SigningRequest&)> role;
  /// What signers share with others of their worker; empty: each has a client of its own.
  std::shared_ptr<vault::WorkerClients> workers = {};
};

/// Issuers, what was issued and what is to be revoked stand in the database; Vault signs, chooses serial numbers, and has the list.
/// Revocations reach it in Authority::refresh_crls, and its lists tell no reasons: the inventory does. It knows no holds
/// (reason-invalid). Database and client outlive it; each signer has a client of its own.
std::unique_ptr<Authority> open_vault_authority(sql::Connection&, vault::Client&, VaultCa);

/// Rows of the engine's issuers that have keys, the default one active; those that it has no more are retired. What is there already
/// stays. @return how many are new   @throws Error ca-not-ready: it has no issuer
int adopt_vault_issuers(sql::Connection&, vault::Client&, const std::string& mount);

}  // namespace ymgr
