// How the renewal of one certificate is planned.
#pragma once
#include "workflow/renew_card.hpp"

namespace ymgr {

/// A renewal of `row` with nothing planned yet.
CertificateItem renewal_of(const CertificateRow&);
/// The installation of this host, if the certificate is installed here. @throws Error installation-invalid
void find_place(Workbench&, CertificateItem&, const CertificateRow&);
/// Names, serial, validity and key of the new certificate. @param card  of a key on one  @throws Error usage, device-unsupported
void plan_item(Workbench&, CertificateItem&, const RenewOptions&, KeyChoice, const CardLook* card, Time at);

bool renewed_recently(const Workbench&, const CertificateRow&, Time at);
/// @throws Error certificate-state, renewed-recently
void require_renewable(Workbench&, const CertificateRow&, const RenewOptions&, Time at);
/// Signing somebody else's stored request again needs a policy that lets keys be reused.
bool needs_request(Workbench&, const CertificateItem&, const RenewOptions&);
/// Keys that may not be used again get a successor without anybody's asking: nothing may expire for want of a flag.
KeyChoice choice_for(Workbench&, const CertificateItem&, const CertificateRow&, const RenewOptions&, Time at);

}  // namespace ymgr
