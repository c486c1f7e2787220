#include "inventory/row.hpp"

namespace ymgr::inventory {
namespace {

constexpr std::string_view insert_columns[] = {
    "cert_id",        "name",        "subject",       "sans",          "serial_number",
    "issuer",         "ca_name",     "key_reference", "key_algorithm", "public_key_sha256",
    "key_created_at", "profile",     "owner",         "labels",        "policy_version",
    "violations",     "status",      "issued_at",     "not_before",    "expires_at",
    "renew_before",   "renew_at",    "renewed_from",  "revoked_at",    "revocation_reason",
    "invalidity_at",  "fingerprint", "pem",           "csr",           "host",
    "installation",   "hook_state",  "hook_message",  "hook_at",       "request_id",
    "issued_by",      "device",      "slot",          "attestation"};
constexpr std::string_view label_columns[] = {"cert_id", "name", "value"};

sql::Value or_null(const std::string& text) {
  return text.empty() ? sql::Value() : sql::Value(text);
}
sql::Value or_null(const std::optional<Time>& time) {
  return time ? sql::Value(to_micros(*time)) : sql::Value();
}

std::string dump_sans(const std::vector<San>& sans) {
  Json array = Json::array();
  for (const auto& san : sans) array.push(to_string(san));
  return dump_json(array);
}

std::string dump_labels(const std::map<std::string, std::string>& labels) {
  Json object = Json::object();
  for (const auto& [name, value] : labels) object.set(name, value);
  return dump_json(object);
}

std::string dump_violations(const Json& violations) {
  return violations.is_null() || violations.items().empty() ? std::string() : dump_json(violations);
}

}  // namespace

void insert(sql::Connection& db, const CertificateRow& row) {
  const std::string sans = dump_sans(row.sans), labels = dump_labels(row.labels);
  const std::string violations = dump_violations(row.violations);
  const sql::Value values[] = {row.cert_id,
                               row.name,
                               row.subject,
                               sans,
                               row.serial,
                               row.issuer,
                               row.ca_name,
                               row.key_reference,
                               row.key_algorithm,
                               row.public_key_sha256,
                               to_micros(row.key_created_at),
                               row.profile,
                               row.owner,
                               labels,
                               row.policy_version,
                               or_null(violations),
                               to_string(row.status),
                               to_micros(row.issued_at),
                               to_micros(row.not_before),
                               to_micros(row.expires_at),
                               or_null(row.renew_before),
                               to_micros(row.renew_at),
                               or_null(row.renewed_from),
                               or_null(row.revoked_at),
                               or_null(row.revocation_reason),
                               or_null(row.invalidity_at),
                               row.fingerprint,
                               row.pem,
                               or_null(row.csr),
                               or_null(row.host),
                               or_null(row.installation),
                               or_null(row.hook_state),
                               or_null(row.hook_message),
                               or_null(row.hook_at),
                               row.request_id,
                               row.issued_by,
                               or_null(row.device),
                               or_null(row.slot),
                               or_null(row.attestation)};
  db.insert_later("certificates", insert_columns, values);
  for (const auto& [name, value] : row.labels) {
    const sql::Value label[] = {row.cert_id, name, value};
    db.insert_later("certificate_labels", label_columns, label);
  }
}

}  // namespace ymgr::inventory
