// Changes of the CA itself, each audited: new CRLs, another issuing CA.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "authority/authority.hpp"
#include "workflow/workbench.hpp"

namespace ymgr {

/// New CRLs of every issuing CA, now.
std::vector<Crl> refresh_ca_crls(Workbench&);
/// A new CRL of the root, for which alone its key is opened. @throws Error root-key-missing, wrong-password
Crl refresh_root_crl(Workbench&, const RootKey&);
/// Another issuing CA under the same root, with its first CRL; the former one becomes retired.
/// @throws Error root-key-missing, wrong-password
CaInfo rotate_ca(Workbench&, const RootKey&);
/// The answer to `init --ca-csr`. @throws Error pair-mismatch, certificate-invalid
CaInfo import_ca(Workbench&, std::string_view pem);

/// End of the OCSP signer's certificate in the CA's folder. nullopt: there is none.
std::optional<Time> ocsp_signer_end(const std::string& ca_folder);

}  // namespace ymgr
