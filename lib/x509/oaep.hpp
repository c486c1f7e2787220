// RSA-OAEP and the raw ECDSA signatures of JOSE: what the agent's messages need of OpenSSL.
#pragma once
#include <string>
#include <string_view>

#include "x509/key.hpp"

namespace ymgr {

/// RSAES-OAEP (RFC 8017 7.1), SHA-256 for OAEP and MGF1. @return as many bytes as the modulus has
/// @throws Error key-invalid: no RSA key · sealed-invalid: `plain` is too long for it
std::string oaep_seal(const Der& spki, std::string_view label, std::string_view plain);
/// @throws Error sealed-invalid, with one text for every reason
Secret oaep_open(const PrivateKey& key, std::string_view label, std::string_view box);

/// ES256 (RFC 7518 3.4). @param point  x and y, 32 bytes each  @param signature  r and s, 32 bytes each
bool verify_es256(std::string_view point, std::string_view message, std::string_view signature);

/// From now on OpenSSL keeps the private numbers of new keys in memory that is neither swapped nor dumped. Once, before
/// the first key. @return false: the system allows no locked memory
bool lock_private_numbers();

}  // namespace ymgr
