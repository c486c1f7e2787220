// Name constraints, asked before signing: a certificate outside them would verify nowhere.
#pragma once
#include <string>

#include "x509/certificate.hpp"

namespace ymgr::ca {

/// Names of a kind that no constraint speaks of pass (RFC 5280 4.2.1.10). A common name that looks like a host name is
/// measured as one where there is no DNS name, as OpenSSL does.
/// @throws Error ca-refused naming the name and what is permitted
void check_name_constraints(const NameConstraints&, const RequestedNames&);

}  // namespace ymgr::ca
