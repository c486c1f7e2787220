#pragma once
// Owners of OpenSSL's handles, for the files that call it.
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>

#include <memory>
#include <stdexcept>

#include "virtual_yubikey/bytes.hpp"

namespace virtual_yubikey {

template <auto free>
struct Free {
  template <class T>
  void operator()(T* handle) const {
    free(handle);
  }
};
template <class T, auto free>
using Owner = std::unique_ptr<T, Free<free>>;

using Pkey = Owner<EVP_PKEY, EVP_PKEY_free>;
using PkeyContext = Owner<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using Digest = Owner<EVP_MD_CTX, EVP_MD_CTX_free>;
using Number = Owner<BIGNUM, BN_clear_free>;
using NumberContext = Owner<BN_CTX, BN_CTX_free>;
using Certificate = Owner<X509, X509_free>;

/// OpenSSL failed where it cannot: out of memory, or a mistake here.
inline void must(bool good, const char* what) {
  if (!good) throw std::runtime_error(what);
}

/// The DER of what `encode(handle, unsigned char**)` writes.
template <class Handle, class Encode>
Bytes to_der(const Handle& handle, Encode encode) {
  const int size = encode(handle.get(), nullptr);
  must(size > 0, "OpenSSL cannot encode");
  Bytes der(static_cast<std::size_t>(size));
  unsigned char* at = der.data();
  encode(handle.get(), &at);
  return der;
}

}  // namespace virtual_yubikey
