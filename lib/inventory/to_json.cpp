#include "inventory/inventory.hpp"

namespace ymgr::inventory {
namespace {

Json or_null(const std::string& text) {
  return text.empty() ? Json() : Json(text);
}
Json or_null(const std::optional<Time>& time) {
  return time ? Json(format_time(*time)) : Json();
}

std::string_view shown_status(const CertificateRow& row, Time at) noexcept {
  return row.status == CertificateStatus::active && row.expires_at < at ? "expired" : to_string(row.status);
}

Json sans_of(const CertificateRow& row) {
  Json sans = Json::array();
  for (const auto& san : row.sans) sans.push(to_string(san));
  return sans;
}

Json labels_of(const CertificateRow& row) {
  Json labels = Json::object();
  for (const auto& [name, value] : row.labels) labels.set(name, value);
  return labels;
}

}  // namespace

Json to_json(const CertificateRow& row, Time at, WithPem with_pem) {
  Json json = Json::object({{"cert_id", row.cert_id},
                            {"name", row.name},
                            {"subject", row.subject},
                            {"sans", sans_of(row)},
                            {"serial_number", row.serial},
                            {"status", shown_status(row, at)},
                            {"issuer", row.issuer},
                            {"ca_name", row.ca_name},
                            {"key_reference", or_null(row.key_reference)},
                            {"key_algorithm", row.key_algorithm},
                            {"device", or_null(row.device)},
                            {"slot", or_null(row.slot)},
                            {"attested", row.device.empty() ? Json() : Json(!row.attestation.empty())},
                            {"profile", row.profile},
                            {"owner", or_null(row.owner)},
                            {"labels", labels_of(row)},
                            {"policy_version", row.policy_version},
                            {"violations", row.violations},
                            {"issued_at", format_time(row.issued_at)},
                            {"not_before", format_time(row.not_before)},
                            {"expires_at", format_time(row.expires_at)},
                            {"renew_at", format_time(row.renew_at)},
                            {"renew_before", or_null(row.renew_before)},
                            {"renewed_from", or_null(row.renewed_from)},
                            {"revoked_at", or_null(row.revoked_at)},
                            {"revocation_reason", or_null(row.revocation_reason)},
                            {"fingerprint", row.fingerprint},
                            {"host", or_null(row.host)},
                            {"installation", or_null(row.installation)},
                            {"hook_state", or_null(row.hook_state)},
                            {"request_id", row.request_id},
                            {"issued_by", row.issued_by}});
  if (with_pem == WithPem::yes) json.set("certificate", row.pem);
  return json;
}

}  // namespace ymgr::inventory
