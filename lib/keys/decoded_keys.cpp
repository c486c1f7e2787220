#include "keys/decoded_keys.hpp"

#include "base/error.hpp"

namespace ymgr {

Der DecodedKeys::certificate_request(const EnsuredKey& key, const RequestedNames& names) {
  return make_csr(decoded(key), names);
}

EnsuredKey DecodedKeys::keep(std::string reference, PrivateKey key, std::string box) {
  EnsuredKey ensured{std::move(reference), key.public_key(), std::move(box)};
  keys_.insert_or_assign(ensured.public_key.sha256, std::move(key));
  return ensured;
}

const PrivateKey& DecodedKeys::decoded(const EnsuredKey& key) const {
  const auto found = keys_.find(key.public_key.sha256);
  if (found == keys_.end()) throw Error(Code::key_not_found, "the key " + key.reference + " is not open");
  return found->second;
}

}  // namespace ymgr
