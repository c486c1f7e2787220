// What the commands that read certificates and CAs share.
#pragma once
#include <string>

#include "cli/invocation.hpp"
#include "inventory/inventory.hpp"

namespace ymgr::cli {

/// The certificate that the argument CERT names. @throws Error role-denied: a user's session, and somebody else's certificate
CertificateRow readable_certificate(Invocation&, Time at);

enum class Form { pem, der };
/// Text that goes to --out FILE (0644, overwritten only with --force) or to standard output; members content and file.
Result exported(Invocation&, const std::string& text, Form);

}  // namespace ymgr::cli
