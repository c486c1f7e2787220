// What stores whose keys are in this process have in common.
#pragma once
#include <map>
#include <string>

#include "keys/key_store.hpp"

namespace ymgr {

/// Keeps decoded keys by their public halves.
class DecodedKeys : public KeyStore {
 public:
  Der certificate_request(const EnsuredKey& key, const RequestedNames& names) override;
  void forget(const EnsuredKey& key) override { keys_.erase(key.public_key.sha256); }

 protected:
  EnsuredKey keep(std::string reference, PrivateKey key, std::string box);
  /// @throws Error key-not-found: it is not open
  const PrivateKey& decoded(const EnsuredKey& key) const;

 private:
  std::map<Sha256, PrivateKey> keys_;
};

}  // namespace ymgr
