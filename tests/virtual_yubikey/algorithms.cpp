#include "virtual_yubikey/algorithms.hpp"

namespace virtual_yubikey {

std::size_t rsa_bits(Byte algorithm) {
  switch (algorithm) {
    case rsa1024: return 1024;
    case rsa2048: return 2048;
    case rsa3072: return 3072;
    case rsa4096: return 4096;
    default: return 0;
  }
}

std::size_t curve_bytes(Byte algorithm) {
  return algorithm == p256 ? 32 : algorithm == p384 ? 48 : 0;
}

bool offers(const State& state, Byte algorithm) {
  switch (algorithm) {
    case rsa1024: return !state.fips;
    case rsa2048:
    case p256:
    case p384: return true;
    case rsa3072:
    case rsa4096:
    case ed25519: return state.firmware >= move_since;
    case x25519: return state.firmware >= move_since && !state.fips;
    default: return false;
  }
}

std::size_t management_key_bytes(Byte algorithm) {
  switch (algorithm) {
    case aes128: return 16;
    case tdes:
    case aes192: return 24;
    case aes256: return 32;
    default: return 0;
  }
}

bool offers_management(const State& state, Byte algorithm) {
  return algorithm == tdes || (management_key_bytes(algorithm) != 0 && state.firmware >= aes_since);
}

Byte default_management_algorithm(const Version& firmware) {
  return firmware >= move_since ? aes192 : tdes;
}

Bytes default_management_key() {
  return from_hex("010203040506070801020304050607080102030405060708");
}

bool is_key_slot(Byte slot) {
  return slot == 0x9A || slot == 0x9C || slot == 0x9D || slot == 0x9E || (slot >= 0x82 && slot <= 0x95);
}

}  // namespace virtual_yubikey
