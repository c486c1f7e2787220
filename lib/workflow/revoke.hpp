// Workflow 3: revocation, with the CRL read back and, where asked for or compromised, the key destroyed.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "inventory/inventory.hpp"
#include "workflow/engine.hpp"
#include "workflow/operation.hpp"

namespace ymgr {

struct RevokeOptions {
  std::string request_id, note;
  Reason reason = Reason::unspecified;
  std::optional<Time> invalidity_date;
  bool destroy_key = false;  // keyCompromise always does
  bool dry_run = false;
};

struct RevokeAnswer {
  std::string request_id, state;
  std::vector<Json> items;  // one a certificate
  std::vector<int> exits;
  std::optional<bool> crl_confirmed;   // the new CRL, read back, lists every one of them
  std::optional<bool> ocsp_confirmed;  // so says the CA's own responder; nullopt: it has none, or it does not answer
  std::int64_t crl_number = 0;
  int exit = 0;
  bool changed = false, resumable = false;
};

struct RevokeTargets {
  std::vector<CertificateRow> rows;
  Json asked;  // the certificates named and the selection: by these, a second run is known to be the same
};
/// Certificates that a revocation for this reason would reach: keyCompromise acts on keys, so every unexpired certificate of
/// the same key is among them.
RevokeTargets revocation_targets(Workbench&, const std::vector<std::string>& arguments, const Selection&, Reason);

/// Revoked, for a reason that this one would not change: keyCompromise counts more than any other, and a hold ends.
bool stays_revoked(const CertificateRow&, Reason);

/// @throws Error usage: a key is to be destroyed of a certificate that may come back · time-invalid: distrusted from a time
/// in the future
void check_options(const RevokeOptions&);
/// A row that is not genuine fails by itself: certificate-state. Repeated, it is harmless, finishes what an earlier run left half
/// done, and may raise the reason to keyCompromise or destroy the key after all.
/// @throws Error certificate-not-found · key-in-use: --destroy-key while another active certificate has the key · role-denied
/// · operation-open, operation-running, request-id-used, and what check_options throws
RevokeAnswer revoke(Workbench&, const RevokeTargets&, const RevokeOptions&);
/// Goes on with a revocation that this process has taken over.
RevokeAnswer resume_revoke(Workbench&, const std::string& request_id);
/// Takes holds off. Repeated after a stop, it signs the CRL that still has one.
/// @throws Error certificate-state: neither on hold nor on the CRL
RevokeAnswer unhold(Workbench&, const RevokeTargets&, const RevokeOptions&);

}  // namespace ymgr
