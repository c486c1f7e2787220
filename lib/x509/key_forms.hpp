// The fixed bytes around elliptic-curve keys in SubjectPublicKeyInfo (RFC 5480, 8410) and PKCS#8 (RFC 5958, 5915).
// OpenSSL 3.0's encoders and decoders take 50 to 330 µs a key, the forms below less than one. For this folder.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "base/secret.hpp"
#include "x509/types.hpp"

using EVP_PKEY = struct evp_pkey_st;

namespace ymgr::key_forms {

/// Of what the bytes say they are: a named curve with an uncompressed point, or Ed25519; nullopt: something else.
/// Whether the point lies on the curve is not looked at.
std::optional<KeyAlgorithm> algorithm_of(std::string_view spki) noexcept;
std::optional<KeyAlgorithm> algorithm_of_pkcs8(std::string_view der) noexcept;
/// nullopt: no elliptic-curve key of ours; OpenSSL's encoder serves.
std::optional<std::string> spki_of(const EVP_PKEY* key, KeyAlgorithm algorithm);
std::optional<Secret> pkcs8_of(const EVP_PKEY* key, KeyAlgorithm algorithm);
/// New key objects; nullptr: another form, or a wrong point. The caller owns them.
EVP_PKEY* from_spki(std::string_view spki);
EVP_PKEY* from_pkcs8(std::string_view der);

}  // namespace ymgr::key_forms
