#include "keys/key_cache.hpp"

#include "base/error.hpp"

namespace ymgr {

EnsuredKey LocalKeys::make(const std::string& reference, const std::string& box_path, KeyAlgorithm algorithm,
                           std::string_view box) {
  if (!box.empty())
    return keep(reference, PrivateKey::from_pkcs8(open_secret_box(data_key_, box_path, 1, box)), std::string(box));
  auto key = PrivateKey::generate(algorithm);
  auto fresh = make_secret_box(data_key_, box_path, 1, key.pkcs8());
  return keep(reference, std::move(key), std::move(fresh));
}

EnsuredKey LocalKeys::keep(const std::string& reference, PrivateKey key, std::string box) {
  EnsuredKey ensured{reference, key.public_key(), std::move(box)};
  keys_.insert_or_assign(reference, std::move(key));
  return ensured;
}

const PrivateKey& LocalKeys::at(const EnsuredKey& key) const {
  const auto found = keys_.find(key.reference);
  if (found == keys_.end())
    throw Error(Code::key_not_found, "the key " + key.reference + " is not open on this worker");
  return found->second;
}

Der LocalKeys::certificate_request(const EnsuredKey& key, const RequestedNames& names) {
  return make_csr(at(key), names);
}

void LocalKeys::forget(const EnsuredKey& key) {
  keys_.erase(key.reference);
}

}  // namespace ymgr
