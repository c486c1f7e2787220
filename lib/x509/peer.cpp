#include "x509/peer.hpp"

#include <openssl/opensslv.h>
#include <openssl/ssl.h>

#include "base/shared_library.hpp"
#include "x509/openssl.hpp"

#define YMGR_TEXT_OF(value) #value
#define YMGR_SONAME(version) "libssl.so." YMGR_TEXT_OF(version)

namespace ymgr {

std::optional<Certificate> peer_certificate(void* tls_session) {
  if (tls_session == nullptr) return std::nullopt;
  // Open already, by whoever made the session.
  static const SharedLibrary library(YMGR_SONAME(OPENSSL_SHLIB_VERSION), "libssl3");
  static const auto get = library.function<decltype(SSL_get1_peer_certificate)>("SSL_get1_peer_certificate");
  const ossl::X509Cert found(get(static_cast<const SSL*>(tls_session)));
  if (!found) return std::nullopt;
  return parse_certificate(ossl::to_der(i2d_X509, static_cast<const X509*>(found.get())));
}

}  // namespace ymgr
