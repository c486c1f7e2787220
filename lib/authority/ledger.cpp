#include "authority/ledger.hpp"

#include "base/error.hpp"

namespace ymgr::ca {
namespace {

[[noreturn]] void never_issued(std::string_view issuer, std::string_view serial) {
  throw Error(Code::certificate_not_found, std::string(issuer) + " never issued a certificate " + std::string(serial));
}

bool may_change(Reason before, Reason after) {
  if (before == after) return false;
  return before == Reason::certificate_hold || after == Reason::key_compromise;
}

}  // namespace

void Ledger::record_issued(const IssuedCertificate& issued, std::string_view cert_id) {
  const Certificate& certificate = issued.certificate;
  const std::string key = hex(certificate.key.sha256);
  static constexpr std::string_view columns[] = {"issuer_id", "serial_number", "cert_id", "public_key_sha256",
                                                 "not_after"};
  const sql::Value values[] = {issued.issuer_id, certificate.serial, cert_id, key, to_micros(certificate.not_after)};
  db_.insert_later("ca_issued", columns, values);
}

std::optional<std::string> Ledger::revoke(std::string_view issuer, const RevocationRequest& request) {
  if (request.reason == Reason::remove_from_crl) {
    throw Error(Code::reason_invalid, "removeFromCRL takes a certificate off a list", "Use --unhold.");
  }
  auto issuer_id = issuer_of(issuer, request.serial);
  const auto before = stored_reason(issuer_id, request.serial);
  if (before && !may_change(*before, request.reason)) return std::nullopt;
  store(issuer_id, request);
  return issuer_id;
}

std::string Ledger::unhold(std::string_view issuer, std::string_view serial) {
  auto issuer_id = issuer_of(issuer, serial);
  if (stored_reason(issuer_id, serial) != Reason::certificate_hold) {
    throw Error(Code::certificate_state, "certificate " + std::string(serial) + " is not on hold");
  }
  db_.run("DELETE FROM ca_revocations WHERE issuer_id = $1 AND serial_number = $2", {issuer_id, serial});
  return issuer_id;
}

std::vector<Authority::Known> Ledger::find_by_public_key(const Sha256& spki) {
  std::vector<Authority::Known> found;
  const std::string key = hex(spki);
  // A cert_id begins with its time.
  db_.run(
      "SELECT issuer_id, serial_number, cert_id FROM ca_issued WHERE public_key_sha256 = $1 "
      "ORDER BY cert_id DESC, serial_number",
      {key}, [&](const sql::Row& row) {
        found.push_back({std::string(row.text(0)), std::string(row.text(1)), std::string(row.text(2))});
      });
  return found;
}

std::vector<std::string> Ledger::revoked(std::string_view issuer_id, Time at) {
  std::vector<std::string> serials;
  db_.run("SELECT serial_number FROM ca_revocations WHERE issuer_id = $1 AND not_after > $2 ORDER BY serial_number",
          {issuer_id, to_micros(at)}, [&](const sql::Row& row) { serials.emplace_back(row.text(0)); });
  return serials;
}

std::string Ledger::issuer_of(std::string_view subject, std::string_view serial) {
  std::string issuer_id;
  db_.run(
      "SELECT c.issuer_id FROM ca_issued c JOIN issuers i ON i.issuer_id = c.issuer_id "
      "WHERE i.subject = $1 AND c.serial_number = $2",
      {subject, serial}, [&](const sql::Row& row) { issuer_id = row.text(0); });
  if (issuer_id.empty()) never_issued(subject, serial);
  return issuer_id;
}

std::optional<Reason> Ledger::stored_reason(std::string_view issuer_id, std::string_view serial) {
  std::optional<Reason> reason;
  db_.run("SELECT reason FROM ca_revocations WHERE issuer_id = $1 AND serial_number = $2", {issuer_id, serial},
          [&](const sql::Row& row) { reason = reason_of(row.text(0)).value_or(Reason::unspecified); });
  return reason;
}

void Ledger::store(std::string_view issuer_id, const RevocationRequest& request) {
  sql::Value invalidity;
  if (request.invalidity_date) invalidity = to_micros(*request.invalidity_date);
  db_.run(
      "INSERT INTO ca_revocations (issuer_id, serial_number, revoked_at, reason, invalidity_at, not_after) "
      "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (issuer_id, serial_number) DO UPDATE SET "
      "reason = excluded.reason, invalidity_at = COALESCE(excluded.invalidity_at, ca_revocations.invalidity_at)",
      {issuer_id, request.serial, to_micros(request.revoked_at), to_string(request.reason), invalidity,
       to_micros(request.not_after)});
}

}  // namespace ymgr::ca
