// Sealing, hashing and signing that has nothing to do with certificates. libsodium is included by crypto.cpp alone.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/secret.hpp"

namespace ymgr {

/// 32 raw bytes.
using Sha256 = std::array<unsigned char, 32>;
Sha256 sha256(std::string_view data);
std::string hex(const Sha256& digest);
/// Raw random bytes.
std::string random_bytes(std::size_t size);
void fill_random(std::span<char> out);

/// XChaCha20-Poly1305 with a random nonce; `bound_to` (path, version, …) is authenticated, not stored.
/// @param key 32 bytes   @return 24 bytes nonce, ciphertext, 16 bytes tag
std::string seal(const Secret& key, std::string_view bound_to, std::string_view plain);
/// @throws Error box-invalid: another key, another binding, or changed
Secret unseal(const Secret& key, std::string_view bound_to, std::string_view box);

/// HKDF-SHA-256 (RFC 5869) without salt: 32 bytes for `purpose`.
Secret derive(const Secret& secret, std::string_view purpose);

struct PasswordCost {
  std::uint64_t passes = 3;
  std::uint64_t memory_kib = 64 * 1024;  // never less than these
};
/// Argon2id, 32 bytes. @param salt 16 bytes   @throws Error internal: cost below the minimum, or wrong salt
Secret stretch_password(const Secret& password, std::string_view salt, const PasswordCost& cost);
bool equal_constant_time(std::string_view a, std::string_view b) noexcept;

/// X25519: anybody seals to the public half, the private half opens.
struct BoxKeys {
  std::string public_key;  // 32 bytes
  Secret private_key;      // 32 bytes
};
BoxKeys make_box_keys();
/// @return plain.size() + 48 bytes   @throws Error box-invalid: not a public key
std::string seal_to(std::string_view public_key, std::string_view plain);
/// @throws Error box-invalid
Secret open_sealed_to(const BoxKeys& keys, std::string_view box);

/// Ed25519.
struct SigningKeys {
  std::string public_key;  // 32 bytes
  Secret seed;             // 32 bytes
};
SigningKeys make_signing_keys();
SigningKeys signing_keys_from_seed(Secret seed);
std::string sign_detached(const SigningKeys& keys, std::string_view message);  // 64 bytes
bool verify_detached(std::string_view public_key, std::string_view message, std::string_view signature) noexcept;

}  // namespace ymgr
