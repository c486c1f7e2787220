// Keys and primitives as smart cards speak of them: bare numbers, points, blocks.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "x509/certificate.hpp"

namespace ymgr {

/// Of the magnitudes, most significant byte first. @throws Error key-invalid: no RSA key of 1024 to 4096 bits
PublicKey public_key_of_rsa(std::string_view modulus, std::string_view exponent);
enum class Curve { p256, p384, ed25519, x25519 };
/// @param point  uncompressed (04 X Y); Ed25519 and X25519: 32 bytes   @throws Error key-invalid: not a point of the curve
PublicKey public_key_of_point(Curve curve, std::string_view point);

/// What a bare private-key operation is given to sign `message`: RSA the padded block of the modulus' size (PKCS#1 v1.5, SHA-256),
/// P-256 its SHA-256, P-384 its SHA-384, Ed25519 the message.
std::string signing_input(const PublicKey& key, std::string_view message);
/// With the hash of signing_input; EC: DER Ecdsa-Sig-Value.
bool verify_signature(const PublicKey& key, std::string_view message, std::string_view signature) noexcept;

/// Signs bytes as the BIT STRING of X.509 holds it.
using ExternalSigner = std::function<std::string(std::string_view message)>;
/// The same request as make_csr of a PrivateKey. The signature is checked.
/// @throws Error csr-bad-signature, and what `sign` throws
Der make_csr(const PublicKey& key, const RequestedNames& names, const ExternalSigner& sign);

enum class BlockCipher { tdes, aes_128, aes_192, aes_256 };
/// 8 or 16 bytes.
std::size_t block_size(BlockCipher cipher) noexcept;
/// One block, ECB: the challenges of a card's management key, nothing else. @throws Error internal: wrong sizes
std::string encrypt_block(BlockCipher cipher, const Secret& key, std::string_view block);
std::string decrypt_block(BlockCipher cipher, const Secret& key, std::string_view block);

}  // namespace ymgr
