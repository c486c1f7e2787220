// Private keys as PEM and PKCS#8, public keys as SubjectPublicKeyInfo.
#include <cstdint>
#include <cstdlib>

#include "base/error.hpp"
#include "x509/key.hpp"

using namespace ymgr;

namespace {

template <class F>
void quietly(F&& body) {
  try {
    body();
  } catch (const Error&) {
    // The only way out for bad input.
  }
}
void look_at(const PrivateKey& key) {
  if (!key.public_key().algorithm) std::abort();
  if (PrivateKey::from_pkcs8(key.pkcs8()).public_key().spki != key.public_key().spki) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  quietly([&] { look_at(PrivateKey::from_pem(Secret(bytes))); });
  quietly([&] { look_at(PrivateKey::from_pkcs8(Secret(bytes))); });
  quietly([&] {
    const auto key = parse_public_key({std::string(bytes)});
    if (key.spki.bytes != bytes) std::abort();
  });
  return 0;
}
