// The RSA-3072 key of the next session, made ahead: it takes up to a second.
#pragma once
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/workers.hpp"
#include "x509/key.hpp"

namespace ymgr::agentd {

/// SHA-256 of the SubjectPublicKeyInfo, base64url.
std::string key_id_of(const PublicKey&);
std::string pem_of(const PublicKey&);

class NextKey {
 public:
  using Waiter = std::function<void(const PublicKey&)>;
  /// Starts making the first one.
  NextKey();
  /// `waiter` gets the public half: at once, or from the worker's thread when it is ready.
  void ask(Waiter waiter);
  /// Takes the key, and starts making another. @throws Error agent-key-changed: it is not the next one (any more)
  PrivateKey take(const std::string& key_id);

 private:
  void make();

  std::mutex mutex_;
  std::optional<PrivateKey> key_;
  std::vector<Waiter> waiters_;
  Worker worker_;  // ends first
};

}  // namespace ymgr::agentd
