// Owners of OpenSSL's objects and what goes with them. Included by .cpp files of this folder only.
#pragma once
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ocsp.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "x509/certificate.hpp"

namespace ymgr::ossl {

template <auto free_function>
struct Deleter {
  template <class T>
  void operator()(T* object) const noexcept {
    free_function(object);
  }
};
template <class T, auto free_function>
using Owner = std::unique_ptr<T, Deleter<free_function>>;

inline void free_bytes(unsigned char* bytes) noexcept {
  OPENSSL_free(bytes);
}
inline void free_certificates(STACK_OF(X509) * stack) noexcept {
  sk_X509_pop_free(stack, X509_free);
}
inline void free_extensions(STACK_OF(X509_EXTENSION) * list) noexcept {
  sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
}

using Bio = Owner<BIO, BIO_free_all>;
using Number = Owner<BIGNUM, BN_clear_free>;
using Bytes = Owner<unsigned char, free_bytes>;
using Key = Owner<EVP_PKEY, EVP_PKEY_free>;
using KeyContext = Owner<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using DigestContext = Owner<EVP_MD_CTX, EVP_MD_CTX_free>;
using X509Cert = Owner<X509, X509_free>;
using Certificates = Owner<STACK_OF(X509), free_certificates>;
using Request = Owner<X509_REQ, X509_REQ_free>;
using RevocationList = Owner<X509_CRL, X509_CRL_free>;
using Extensions = Owner<STACK_OF(X509_EXTENSION), free_extensions>;
using GeneralNames = Owner<GENERAL_NAMES, GENERAL_NAMES_free>;

/// Leaves OpenSSL's error queue empty, whatever happened.
struct ErrorQueue {
  ErrorQueue() noexcept { ERR_clear_error(); }
  ~ErrorQueue() { ERR_clear_error(); }
  ErrorQueue(const ErrorQueue&) = delete;
  ErrorQueue& operator=(const ErrorQueue&) = delete;
};

/// `message` with OpenSSL's own reason in brackets, if it has one.
[[noreturn]] void fail(Code code, std::string message, std::string hint = {});
/// For calls that fail only without memory or without a provider.
void require(bool ok, std::string_view what);

Bio memory_bio(std::string_view bytes);
std::string contents(BIO* bio);
/// What an i2d function writes.
template <class T>
std::string to_der(int (*i2d)(const T*, unsigned char**), const T* object) {
  unsigned char* bytes = nullptr;
  const int size = i2d(object, &bytes);
  const Bytes owner(bytes);
  require(size > 0, "encode");
  return {reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size)};
}
/// The object of exactly these bytes; nullptr: none, or something follows it.
template <class Owned, class T = typename Owned::element_type>
Owned from_der(T* (*d2i)(T**, const unsigned char**, long), std::string_view der) {
  const auto* begin = reinterpret_cast<const unsigned char*>(der.data());
  const auto* at = begin;
  Owned object(d2i(nullptr, &at, static_cast<long>(der.size())));
  if (at != begin + der.size()) object.reset();
  return object;
}
/// The same, leaving the public key inside undecoded (X509_get0_pubkey gives nullptr): decoding it is nine tenths of the work.
ASN1_VALUE* from_der_lazily(const ASN1_ITEM* item, std::string_view der);

inline const unsigned char* bytes_of(std::string_view text) noexcept {
  return reinterpret_cast<const unsigned char*>(text.data());
}
inline std::string_view view(const ASN1_STRING* text) noexcept {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(ASN1_STRING_length(text))};
}

/// The first `most` blocks with that label; reading stops at a broken one.
std::vector<Der> pem_blocks(std::string_view pem, std::string_view label, std::size_t most);
/// @throws Error certificate-invalid
X509Cert decode(const Certificate& certificate);
Certificates decode_all(std::span<const Certificate> certificates);

/// Raw digest by OpenSSL's name of it.
std::string digest(const char* algorithm, std::string_view data);
/// What there is to say of a public key without decoding it, where its form is ours. @throws Error `wrong`: it can't be read
PublicKey describe(std::string spki, Code wrong);
PublicKey describe(const EVP_PKEY* key, std::string spki);
/// Decoded SubjectPublicKeyInfo; nullptr: it can't be.
Key decode_public(std::string_view spki);
std::string spki_of(const X509_PUBKEY* key);
/// The AlgorithmIdentifier that keys of this kind sign with (DER).
std::string_view signature_algorithm(KeyAlgorithm algorithm) noexcept;
std::string sign(const PrivateKey& key, std::string_view data);
/// SEQUENCE of `tbs`, algorithm and signature.
std::string signed_object(const PrivateKey& key, const std::string& tbs);

/// RFC 2253 with UTF-8 as it is.
std::string name_text(const X509_NAME* name);
/// Of all CNs the last one, as UTF-8; empty: none.
std::string common_name(const X509_NAME* name);
/// nullopt: not a time of years 1 to 9999.
std::optional<Time> time_of(const ASN1_TIME* time);
/// Normal form; nullopt: negative or longer than 20 bytes.
std::optional<std::string> serial_of(const ASN1_INTEGER* number);
enum class Names { as_found, checked };
/// `checked`: @throws Error name-invalid for wrong names and for types other than SanKind's. `as_found` skips those types.
std::vector<San> sans_of(const GENERAL_NAMES* names, Names how);

}  // namespace ymgr::ossl

namespace ymgr {
struct PrivateKey::Impl {
  ossl::Key key;
  PublicKey public_key;
};
}  // namespace ymgr
