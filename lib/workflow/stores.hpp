// What a session opens: the profile's secrets and keys, and the proof of who is logged in.
#pragma once
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "keys/key_store.hpp"
#include "license/license_book.hpp"
#include "secrets/secret_store.hpp"
#include "session/identity.hpp"
#include "session/session.hpp"
#include "sql/connection.hpp"
#include "vault/client.hpp"

namespace ymgr {

/// Which secrets of YubiKeys a session may read. `pins`: of its own YubiKeys; the others are to it as if nobody kept them.
enum class SecretReach { none, pins, all };

/// For the command's own thread. Each call that opens something throws Error role-denied where the session opens nothing. Those of a team
/// ask Vault: never inside a transaction.
class Stores {
 public:
  virtual ~Stores() = default;
  /// False: an auditor's of an embedded profile, who opens nothing.
  virtual bool is_open() const noexcept = 0;
  virtual SecretReach reach() const noexcept = 0;
  virtual std::unique_ptr<SecretStore> secrets() = 0;
  virtual std::unique_ptr<IdentityTokens> tokens() = 0;
  /// Every role of a team may read there.
  virtual license::Shelf licenses() = 0;

  /// Where keys go when nobody says: sealed, a team's to transit.
  virtual KeyPlace usual_place() const noexcept = 0;
  /// Of sealed, file and transit.
  virtual bool keeps(KeyPlace) const noexcept = 0;
  /// True: keys that end in a file are sealed in the journal until then. False: they wait in a file beside their place.
  virtual bool seals_journal() const noexcept = 0;
  /// What is opened from now on, here and of the CA, is for another worker. `on_this_thread`: which works on the command's own.
  virtual void next_worker([[maybe_unused]] bool on_this_thread) {}
  /// For one worker, who may use it on a thread of its own. @throws Error usage: no keys are kept there
  virtual std::unique_ptr<KeyStore> keys(KeyPlace) = 0;
  /// What KeyStore::open wants besides the reference. @throws Error key-not-found
  virtual std::string key_box(std::string_view reference) = 0;
  /// A file is looked for on this host. Of a kind that is not kept here: false.
  virtual bool key_is_there(std::string_view reference) = 0;
  /// For good. Missing: fine. @throws Error key-not-found: of a kind that is not kept here
  virtual void destroy_key(std::string_view reference) = 0;
  /// References of all keys that are there, files excepted.
  virtual std::set<std::string> all_keys() = 0;

  /// @throws Error usage: no keys are kept there
  void require_place(KeyPlace) const;
};

/// Of an embedded profile: all of it under the data key. Both outlive it.
std::unique_ptr<Stores> open_sealed_stores(sql::Connection&, const Session&);

/// Mounts of the engines for secrets and keys, and the role of identity/oidc that makes tokens for the agent.
struct VaultPlaces {
  std::string kv, transit, token_role;
  SecretReach reach = SecretReach::all;
  std::shared_ptr<vault::WorkerClients> workers = {};  // shared with the CA's signers
  std::string audit_key = {};                          // in transit, too, and none of Stores::all_keys
  std::string licenses = "ymgr-license";               // document of the engine for secrets
};
/// Of a team: Vault decides what whoever is logged in may open. The client outlives it.
std::unique_ptr<Stores> open_vault_stores(vault::Client&, VaultPlaces);

}  // namespace ymgr
