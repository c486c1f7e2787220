// One row of `certificates` between SQL and CertificateRow.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "inventory/inventory.hpp"

namespace ymgr::inventory {

/// The columns that read_row expects, in its order, of the table `certificates`.
inline constexpr const char* columns =
    "cert_id, name, subject, sans, serial_number, issuer, ca_name, key_reference, key_algorithm, public_key_sha256, "
    "key_created_at, profile, owner, labels, policy_version, violations, status, issued_at, not_before, expires_at, "
    "renew_before, renew_at, renewed_from, revoked_at, revocation_reason, invalidity_at, fingerprint, pem, csr, host, "
    "installation, hook_state, hook_message, hook_at, request_id, issued_by, device, slot, attestation";

CertificateRow read_row(const sql::Row&);
/// The column `sans`. @throws Error database-corrupt
std::vector<San> read_sans(std::string_view json);

}  // namespace ymgr::inventory
