#include "agentd/piv/public_key.hpp"

#include "agentd/piv/tlv.hpp"
#include "base/error.hpp"
#include "x509/raw_key.hpp"

namespace ymgr::piv {
namespace {

PublicKey decode(Algorithm algorithm, const std::vector<Element>& elements) {
  switch (algorithm) {
    case Algorithm::ec_p256: return public_key_of_point(Curve::p256, need(elements, 0x86));
    case Algorithm::ec_p384: return public_key_of_point(Curve::p384, need(elements, 0x86));
    case Algorithm::ed25519: return public_key_of_point(Curve::ed25519, need(elements, 0x86));
    case Algorithm::x25519: return public_key_of_point(Curve::x25519, need(elements, 0x86));
    default: return public_key_of_rsa(need(elements, 0x81), need(elements, 0x82));
  }
}

int rsa_bits(Algorithm algorithm) noexcept {
  switch (algorithm) {
    case Algorithm::rsa_1024: return 1024;
    case Algorithm::rsa_2048: return 2048;
    case Algorithm::rsa_3072: return 3072;
    case Algorithm::rsa_4096: return 4096;
    default: return 0;
  }
}

}  // namespace

PublicKey read_public_key(Algorithm algorithm, std::string_view elements) {
  try {
    PublicKey key = decode(algorithm, read_tlvs(elements));
    if (key.family != "RSA" || key.bits == rsa_bits(algorithm)) return key;
  } catch (const Error& error) {
    if (error.code() != Code::key_invalid) throw;
  }
  throw Error(Code::device_failed, "the card's public key is none for " + std::string(to_string(algorithm)));
}

}  // namespace ymgr::piv
