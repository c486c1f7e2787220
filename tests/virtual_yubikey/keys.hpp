#pragma once
#include <functional>

#include "virtual_yubikey/openssl.hpp"
#include "virtual_yubikey/tlv.hpp"

namespace virtual_yubikey {

/// A new private key (DER) of a PIV algorithm.
using KeyMaker = std::function<Bytes(Byte algorithm)>;
Bytes make_key(Byte algorithm);

/// The private key (DER) in the data of IMPORT KEY. @throws Refusal 6A80
Bytes import_key(Byte algorithm, const std::vector<Tlv>& elements);

Pkey load_key(View private_key);
/// The inside of 7F49: 81 modulus, 82 exponent, or 86 point.
Bytes public_key_template(View private_key);

/// Raw RSA: as many bytes as the modulus. @throws Refusal 6A80
Bytes rsa_private(View private_key, Byte algorithm, View block);
/// DER signature. @throws Refusal 6A80 longer than the curve
Bytes ecdsa_sign(View private_key, Byte algorithm, View digest);
Bytes ed25519_sign(View private_key, View message);
/// The shared secret with the holder of `point`. @throws Refusal 6A80 not on the curve
Bytes agree(View private_key, Byte algorithm, View point);

}  // namespace virtual_yubikey
