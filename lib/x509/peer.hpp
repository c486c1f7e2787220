// Who a server is, as the channel to it has it.
#pragma once
#include <optional>

#include "x509/certificate.hpp"

namespace ymgr {

/// The server's certificate. @param tls_session  OpenSSL's SSL, of whatever library made it; nullptr: none
/// @throws Error library-missing, certificate-invalid
std::optional<Certificate> peer_certificate(void* tls_session);

}  // namespace ymgr
