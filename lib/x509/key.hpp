// Private and public keys.
#pragma once
#include <memory>
#include <string>

#include "base/secret.hpp"
#include "x509/types.hpp"

namespace ymgr {

/// While it lives, this thread's OpenSSL calls use a library context of their own: two threads then do 1.92 times the work
/// of one instead of 1.03. Keys made under it must be destroyed before it.
class CryptoThread {
 public:
  CryptoThread();
  ~CryptoThread();
  CryptoThread(const CryptoThread&) = delete;
  CryptoThread& operator=(const CryptoThread&) = delete;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

struct PublicKey {
  Der spki;                               // SubjectPublicKeyInfo
  Sha256 sha256{};                        // of spki
  std::optional<KeyAlgorithm> algorithm;  // nullopt: none that we know (RSA-1024, P-521, DSA, …)
  std::string family;                     // "RSA", "EC", "Ed25519", or OpenSSL's name of it
  int bits = 0;
};
/// @throws Error key-invalid
PublicKey parse_public_key(const Der& spki);

class PrivateKey {
 public:
  struct Impl;
  PrivateKey(PrivateKey&&) noexcept;
  PrivateKey& operator=(PrivateKey&&) noexcept;
  ~PrivateKey();
  explicit PrivateKey(std::unique_ptr<Impl>);

  static PrivateKey generate(KeyAlgorithm);
  /// PKCS#8 DER, unencrypted. @throws Error key-invalid
  static PrivateKey from_pkcs8(const Secret& der);
  /// PEM, unencrypted PKCS#8, PKCS#1 or SEC1. @throws Error key-invalid
  static PrivateKey from_pem(const Secret& pem);
  Secret pkcs8() const;  // DER
  Secret pem() const;    // PKCS#8
  const PublicKey& public_key() const noexcept;
  const Impl& impl() const noexcept { return *impl_; }  // for this folder

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace ymgr
