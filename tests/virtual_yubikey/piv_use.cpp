// GENERAL AUTHENTICATE with a key: signatures, RSA decryption, key agreement.
#include "virtual_yubikey/piv.hpp"

namespace virtual_yubikey {
namespace {

constexpr std::uint32_t challenge_tag = 0x81, response_tag = 0x82, point_tag = 0x85;

Bytes apply(const Key& key, const std::vector<Tlv>& elements) {
  const auto asked = find(elements, response_tag);
  require(asked && asked->empty(), Status::wrong_data);
  const auto challenge = find(elements, challenge_tag), point = find(elements, point_tag);
  require(challenge.has_value() != point.has_value(), Status::wrong_data);
  if (point) {
    require(curve_bytes(key.algorithm) != 0 || key.algorithm == x25519, Status::wrong_data);
    return agree(key.private_key, key.algorithm, *point);
  }
  require(key.algorithm != x25519, Status::wrong_data);
  if (key.algorithm == ed25519) return ed25519_sign(key.private_key, *challenge);
  if (rsa_bits(key.algorithm) != 0) return rsa_private(key.private_key, key.algorithm, *challenge);
  return ecdsa_sign(key.private_key, key.algorithm, *challenge);
}

}  // namespace

Bytes Piv::use_key(const Command& command) {
  require(is_key_slot(command.p2), Status::wrong_slot);
  const auto found = state().keys.find(command.p2);
  require(found != state().keys.end(), Status::wrong_data);
  const Key& key = found->second;
  require(command.p1 == key.algorithm, Status::wrong_data);
  const auto elements = parse_tlvs(only_tlv(command.data, 0x7C));
  need_pin(key.pin_policy);
  need_touch(key.touch_policy);
  return tlv(0x7C, tlv(response_tag, apply(key, elements)));
}

}  // namespace virtual_yubikey
