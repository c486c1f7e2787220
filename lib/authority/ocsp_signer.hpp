// The delegated OCSP signer's files.
#pragma once
#include <string>

#include "authority/store.hpp"

namespace ymgr::ca {

struct OcspFiles {
  std::string key, certificate;
};
/// ocsp.key and ocsp.pem of the CA that signs, ocsp-ISSUER_ID.key and .pem of others.
OcspFiles ocsp_files(const std::string& folder, const IssuerRow&);
/// `signer` was issued by `issuer`.
bool is_signer_of(const Certificate& signer, const Certificate& issuer);

}  // namespace ymgr::ca
