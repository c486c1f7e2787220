#pragma once
#include <optional>

#include "virtual_yubikey/state.hpp"

namespace virtual_yubikey {

// Algorithms, by their PIV identifiers.
inline constexpr Byte tdes = 0x03, aes128 = 0x08, aes192 = 0x0A, aes256 = 0x0C;
inline constexpr Byte rsa1024 = 0x06, rsa2048 = 0x07, rsa3072 = 0x05, rsa4096 = 0x16;
inline constexpr Byte p256 = 0x11, p384 = 0x14, ed25519 = 0xE0, x25519 = 0xE1;

inline constexpr Byte attestation_slot = 0xF9, management_slot = 0x9B, signature_slot = 0x9C, card_slot = 0x9E;
inline constexpr std::uint32_t attestation_object = 0x5FFF01;

inline constexpr Byte policy_default = 0, pin_never = 1, pin_once = 2, pin_always = 3;
inline constexpr Byte touch_never = 1, touch_always = 2, touch_cached = 3;

inline constexpr Version metadata_since{5, 3, 0}, aes_since{5, 4, 2}, move_since{5, 7, 0};

/// 0: not RSA.
std::size_t rsa_bits(Byte algorithm);
/// Bytes of a coordinate or scalar. 0: not an elliptic curve of NIST.
std::size_t curve_bytes(Byte algorithm);
/// Whether `state`'s firmware makes and imports such keys.
bool offers(const State& state, Byte algorithm);

/// 0: not a management key's algorithm.
std::size_t management_key_bytes(Byte algorithm);
bool offers_management(const State& state, Byte algorithm);
Byte default_management_algorithm(const Version& firmware);
Bytes default_management_key();

/// 9A, 9C, 9D, 9E, 82 to 95.
bool is_key_slot(Byte slot);

}  // namespace virtual_yubikey
