// Changes of the CA itself, each audited: new CRLs, another issuing CA.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "authority/authority.hpp"
#include "base/error.hpp"
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

/// CRLs that are due, or all, with an audit event each (Authority::refresh_crls). Right: the caller's.
std::vector<Crl> sign_crls(Workbench&, const std::string& request_id, bool force);
/// OCSP signers that are missing, damaged or past half their life, or all, with an audit event each. Right: the caller's.
std::vector<Certificate> renew_ocsp_signers(Workbench&, const std::string& request_id, bool force);

struct CaUpkeep {
  bool crl_refreshed = false, ocsp_refreshed = false;
  std::vector<Error> failures;
};
/// CRLs, OCSP signers and published files age too. What fails keeps nothing else from being looked after.
CaUpkeep look_after_ca(Workbench&, const std::string& request_id);

/// End of the OCSP signer's certificate in the CA's folder. nullopt: there is none that can be read.
std::optional<Time> ocsp_signer_end(const std::string& ca_folder);

}  // namespace ymgr
