// The delegated OCSP signer's files.
#pragma once
#include <optional>
#include <string>

#include "authority/store.hpp"

namespace ymgr::ca {

struct OcspFiles {
  std::string key, certificate;
};
/// ocsp.key and ocsp.pem of the CA that signs, ocsp-ISSUER_ID.key and .pem of others.
OcspFiles ocsp_files(const std::string& folder, const IssuerRow&);
/// The pair that stands there. nullopt: none, damaged, not private, of another issuer, or just being rewritten.
std::optional<Issuer> load_ocsp_signer(const OcspFiles&, const Certificate& issuer);

}  // namespace ymgr::ca
