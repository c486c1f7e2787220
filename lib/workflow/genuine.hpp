// Rows of a team's inventory are written by whoever owns them; what a CA signed is not.
#pragma once
#include "inventory/inventory.hpp"
#include "workflow/installation.hpp"
#include "workflow/workbench.hpp"

namespace ymgr {

/// That the certificate of a row is one that a CA of ours signed, and that serial number, end and key of the row are its own. Rows of an
/// embedded profile are believed: who writes them can do everything.  @throws Error certificate-state: it is not
void require_signed(Workbench&, const CertificateRow&);
/// What require_signed says of it; nullopt: it is signed.
std::optional<Error> against_signed(Workbench&, const CertificateRow&);
/// Also what a renewal takes from the row: names, usages of the profile, the request of somebody else's key.
void require_genuine(Workbench&, const CertificateRow&);
/// Rows of a team name the places of this host: none gets what is not its own, neither files nor hooks.
/// @throws Error installation-invalid: `place` is not that of the row
void require_own_place(Workbench&, const CertificateRow&, const Installation& place);
/// Why a row that names a place of this host gets neither its hook nor its files: somebody else with the role user entered it, or owns it
/// and named a place that is not its own. nullopt: nothing is known against it, whatever else may be wrong.
std::optional<Error> against_place(Workbench&, const CertificateRow&);

}  // namespace ymgr
