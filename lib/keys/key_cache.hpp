// What the local key stores share: a decoded key stays on its worker until it is forgotten.
#pragma once
#include <map>
#include <string>

#include "keys/key_store.hpp"

namespace ymgr {

class LocalKeys : public KeyStore {
 public:
  explicit LocalKeys(const DataKey& data_key) : data_key_(data_key.clone()) {}
  Der certificate_request(const EnsuredKey&, const RequestedNames&) override;
  void forget(const EnsuredKey&) override;

 protected:
  /// Makes the key or, with a box, takes it up again. `box_path`: what the box is bound to.
  EnsuredKey make(const std::string& reference, const std::string& box_path, KeyAlgorithm, std::string_view box);
  EnsuredKey keep(const std::string& reference, PrivateKey, std::string box);
  const PrivateKey& at(const EnsuredKey&) const;
  const DataKey& data_key() const noexcept { return data_key_; }

 private:
  DataKey data_key_;
  std::map<std::string, PrivateKey> keys_;  // by reference
};

}  // namespace ymgr
