// What a session opens: the profile's secrets and keys, and the proof of who is logged in.
#pragma once
#include <memory>

#include "keys/key_store.hpp"
#include "secrets/secret_store.hpp"
#include "session/identity.hpp"
#include "session/session.hpp"
#include "sql/connection.hpp"

namespace ymgr {

/// Each call but `is_open` throws Error role-denied where the session opens nothing.
class Stores {
 public:
  virtual ~Stores() = default;
  /// False: an auditor's.
  virtual bool is_open() const noexcept = 0;
  /// For the command's own thread.
  virtual std::unique_ptr<SecretStore> secrets() = 0;
  /// For one worker, who may use it on a thread of its own. `place`: sealed or file.
  virtual std::unique_ptr<KeyStore> keys(KeyPlace place) = 0;
  virtual std::unique_ptr<IdentityTokens> tokens() = 0;
};

/// Of an embedded profile: all of it under the data key. Both outlive it.
std::unique_ptr<Stores> open_sealed_stores(sql::Connection&, const Session&);

}  // namespace ymgr
