#include <algorithm>

#include "workflow/migrate_tables.hpp"

namespace ymgr::migrate {
namespace {

using enum Column::Kind;
constexpr auto number = Column::Type::number;
constexpr auto text = Column::Type::text;

/// Which text a version of the policy names.
constexpr Column settings[] = {{"name", key}, {"value", living}, {"updated_at", living, number}};

/// A password opens nothing in a team: salts, verifiers and boxes stay where they are. Names of certificates are told when Vault is.
constexpr Column users[] = {{"name", key},
                            {"role", living},
                            {"status", living},
                            {"password_salt", living, text, "''"},
                            {"password_cost", living, text, "'{}'"},
                            {"password_verifier", living, text, "''"},
                            {"box_public", living, text, "''"},
                            {"box_private", living, text, "''"},
                            {"created_at", living, number},
                            {"created_by", living},
                            {"last_login_at", living, number}};

constexpr Column devices[] = {{"serial", key},
                              {"owner", followed},
                              {"status", followed},
                              {"firmware", followed},
                              {"form_factor", followed},
                              {"fips", followed, number},
                              {"default_pin", followed, number},
                              {"default_puk", followed, number},
                              {"default_management_key", followed, number},
                              {"pin_mode", followed},
                              {"attestation", followed},
                              {"attestation_root", followed},
                              {"attested_at", followed, number},
                              {"created_at", living, number},
                              {"enrolled_at", followed, number},
                              {"enrolled_by", followed},
                              {"updated_at", followed, number},
                              {"note", followed},
                              {"replaced_by", followed},
                              {"superseded_at", followed, number}};

/// `key_path` stays: it tells that the key is in a profile, and not in Vault.
constexpr Column issuers[] = {{"issuer_id", key},
                              {"kind"},
                              {"name"},
                              {"status", living, text, "'retired'"},
                              {"subject"},
                              {"certificate"},
                              {"chain"},
                              {"key_path"},
                              {"not_before", fixed, number},
                              {"not_after", fixed, number},
                              {"created_at", fixed, number},
                              {"crl_number", followed, number},
                              {"crl", followed},
                              {"crl_this_update", followed, number},
                              {"crl_next_update", followed, number}};

constexpr Column ca_issued[] = {
    {"issuer_id", key}, {"serial_number", key}, {"cert_id"}, {"public_key_sha256"}, {"not_after", fixed, number}};

constexpr Column ca_revocations[] = {{"issuer_id", key},
                                     {"serial_number", key},
                                     {"revoked_at", living, number},
                                     {"reason", living},
                                     {"invalidity_at", living, number},
                                     {"not_after", fixed, number}};

constexpr Column certificates[] = {{"cert_id", key},
                                   {"name"},
                                   {"subject"},
                                   {"sans"},
                                   {"serial_number"},
                                   {"issuer"},
                                   {"ca_name"},
                                   {"key_reference"},
                                   {"key_algorithm"},
                                   {"public_key_sha256"},
                                   {"key_created_at", fixed, number},
                                   {"profile"},
                                   {"owner", living},
                                   {"labels"},
                                   {"policy_version", living},
                                   {"violations", living},
                                   {"status", followed},
                                   {"issued_at", fixed, number},
                                   {"not_before", fixed, number},
                                   {"expires_at", fixed, number},
                                   {"renew_before", living},
                                   {"renew_at", living, number},
                                   {"renewed_from"},
                                   {"revoked_at", followed, number},
                                   {"revocation_reason", followed},
                                   {"invalidity_at", followed, number},
                                   {"fingerprint"},
                                   {"pem"},
                                   {"csr"},
                                   {"attestation"},
                                   {"device"},
                                   {"slot"},
                                   {"host", living},
                                   {"installation", living},
                                   {"hook_state", living},
                                   {"hook_message", living},
                                   {"hook_at", living, number},
                                   {"hook_holder", living},
                                   {"hook_until", living, number},
                                   {"request_id"},
                                   {"issued_by"}};

constexpr Column labels[] = {{"cert_id", key}, {"name", key}, {"value"}};

constexpr Column denied_keys[] = {
    {"public_key_sha256", key}, {"reason", living}, {"denied_at", living, number}, {"cert_id", living}};

constexpr Column tracked[] = {{"track_id", key},
                              {"source"},
                              {"host"},
                              {"name", living},
                              {"subject", living},
                              {"sans", living},
                              {"serial_number", living},
                              {"issuer", living},
                              {"key_algorithm", living},
                              {"public_key_sha256", living},
                              {"not_before", living, number},
                              {"expires_at", living, number},
                              {"renew_at", living, number},
                              {"fingerprint", living},
                              {"pem", living},
                              {"owner", living},
                              {"profile", living},
                              {"installation", living},
                              {"status", living},
                              {"tracked_at", fixed, number},
                              {"tracked_by"},
                              {"seen_at", living, number}};

constexpr Column operations[] = {{"request_id", key},
                                 {"kind"},
                                 {"target"},
                                 {"state"},
                                 {"inputs"},
                                 {"inputs_sha256"},
                                 {"actor"},
                                 {"item_count", fixed, number},
                                 {"lease_holder", living},
                                 {"lease_until", living, number},
                                 {"created_at", fixed, number},
                                 {"updated_at", living, number},
                                 {"result", living}};

/// A key that was on its way stands sealed in some: it is of no use without the profile's data key.
constexpr Column operation_items[] = {
    {"request_id", key},
    {"position", key, number},
    {"kind"},
    {"target"},
    {"status"},
    {"state"},
    {"data", living, text,
     "CASE WHEN json_extract(data, '$.key_box') IS NULL THEN data ELSE json_remove(data, '$.key_box') END"},
    {"error", living},
    {"updated_at", living, number}};

/// A week that the team has reported on stays the team's.
constexpr Column compliance_reports[] = {
    {"week", key, number},       {"at", living, number},       {"reported_by", living}, {"policy_version", living},
    {"active", living, number},  {"expired", living, number},  {"due", living, number}, {"expiring", living, number},
    {"revoked", living, number}, {"offending", living, number}};

/// Who was told of something stays so; a claim ends with the profile.
constexpr Column notifications[] = {{"channel", key},
                                    {"subject", key},
                                    {"number", key, number},
                                    {"kind", living},
                                    {"detail", living},
                                    {"fingerprint", living},
                                    {"state", living, text, "CASE WHEN state = 'sending' THEN 'owed' ELSE state END"},
                                    {"attempts", living, number},
                                    {"unsure", living, number, "CASE WHEN state = 'sending' THEN 1 ELSE unsure END"},
                                    {"error", living},
                                    {"digest", living},
                                    {"created_at", living, number},
                                    {"sent_at", living, number},
                                    {"ended_at", living, number}};

constexpr std::size_t place(std::span<const Column> columns, std::string_view name) {
  std::size_t i = 0;
  while (columns[i].name != name) ++i;
  return i;
}

int rank(const Field& status) {
  const auto& word = std::get<std::string>(status);
  return word == "revoked" ? 2 : word == "superseded" ? 1 : 0;
}

bool certificate_went_on(const Record& row, const Record& before) {
  constexpr auto status = place(certificates, "status");
  return rank(row[status]) > rank(before[status]);
}

bool device_went_on(const Record& row, const Record& before) {
  constexpr auto updated = place(devices, "updated_at");
  return row[updated] > before[updated];
}

bool issuer_went_on(const Record& row, const Record& before) {
  constexpr auto crl = place(issuers, "crl_number");
  return row[crl] > before[crl];
}

}  // namespace

std::span<const Table> tables() {
  // SQLite's rowid is the order in which rows came in, so certificates come after those that they renew. A YubiKey is replaced by one
  // that may have come in later.
  static const Table all[] = {
      {.name = "settings", .columns = settings, .rows = " WHERE substr(name, 1, 12) = 'policy.seen.' ORDER BY name"},
      {.name = "users", .columns = users, .rows = " ORDER BY name"},
      {.name = "devices",
       .columns = devices,
       .rows = " ORDER BY serial",
       .link = "replaced_by",
       .went_on = device_went_on,
       .follow = Table::Follow::until_moved},
      {.name = "issuers",
       .columns = issuers,
       .rows = " WHERE status <> 'pending' ORDER BY issuer_id",
       .went_on = issuer_went_on},
      {.name = "ca_issued", .columns = ca_issued, .rows = " ORDER BY issuer_id, serial_number"},
      {.name = "ca_revocations", .columns = ca_revocations, .rows = " ORDER BY issuer_id, serial_number"},
      {.name = "certificates", .columns = certificates, .rows = " ORDER BY rowid", .went_on = certificate_went_on},
      {.name = "certificate_labels", .columns = labels, .rows = " ORDER BY cert_id, name"},
      {.name = "denied_keys", .columns = denied_keys, .rows = " ORDER BY public_key_sha256"},
      {.name = "tracked_certificates", .columns = tracked, .rows = " ORDER BY track_id"},
      {.name = "operations",
       .columns = operations,
       .rows = " WHERE state NOT IN ('open', 'waiting') ORDER BY request_id"},
      {.name = "operation_items", .columns = operation_items, .rows = " ORDER BY request_id, position"},
      {.name = "compliance_reports", .columns = compliance_reports, .rows = " ORDER BY week"},
      {.name = "notifications", .columns = notifications, .rows = " ORDER BY channel, subject, number"}};
  return all;
}

const Table& table_named(std::string_view name) {
  return *std::ranges::find(tables(), name, &Table::name);
}

}  // namespace ymgr::migrate
