// The CA whose serials, revocations and CRL number stand in the profile's own database.
#include "authority/crl.hpp"
#include "authority/signer_local.hpp"
#include "authority/store.hpp"
#include "base/error.hpp"
#include "base/files.hpp"

namespace ymgr {
namespace {

using namespace ca;

[[noreturn]] void never_issued(std::string_view issuer, std::string_view serial) {
  throw Error(Code::certificate_not_found, std::string(issuer) + " never issued a certificate " + std::string(serial));
}

class LocalAuthority : public Authority {
 public:
  LocalAuthority(sql::Connection& db, const DataKey& data_key, std::string folder)
      : db_(db), data_key_(data_key.clone()), folder_(std::move(folder)) {}

  std::unique_ptr<Signer> open_signer() override {
    const IssuerRow row = active_row(db_);
    return make_local_signer(row, stored_plan(db_), issuing_key(db_, data_key_, row));
  }

  void record_issued(const IssuedCertificate& issued, std::string_view cert_id) override {
    const Certificate& certificate = issued.certificate;
    const std::string key = hex(certificate.key.sha256);
    db_.run(
        "INSERT INTO ca_issued (issuer_id, serial_number, cert_id, public_key_sha256, not_after) "
        "VALUES ($1, $2, $3, $4, $5)",
        {issued.issuer_id, certificate.serial, cert_id, key, to_micros(certificate.not_after)});
  }

  void revoke(std::string_view issuer, const RevocationRequest& request) override {
    if (request.reason == Reason::remove_from_crl) {
      throw Error(Code::reason_invalid, "removeFromCRL takes a certificate off a list", "Use --unhold.");
    }
    db_.transaction(sql::Access::write, [&] {
      const std::string issuer_id = issuer_of(issuer, request.serial);
      const auto before = stored_reason(issuer_id, request.serial);
      if (before && !may_change(*before, request.reason)) return;
      store(issuer_id, request);
      mark_crl_stale(db_, issuer_id);
    });
  }

  void unhold(std::string_view issuer, std::string_view serial) override {
    db_.transaction(sql::Access::write, [&] {
      const std::string issuer_id = issuer_of(issuer, serial);
      if (stored_reason(issuer_id, serial) != Reason::certificate_hold) {
        throw Error(Code::certificate_state, "certificate " + std::string(serial) + " is not on hold");
      }
      db_.run("DELETE FROM ca_revocations WHERE issuer_id = $1 AND serial_number = $2", {issuer_id, serial});
      mark_crl_stale(db_, issuer_id);
    });
  }

  using Authority::refresh_crls;
  std::vector<Crl> refresh_crls(bool force, const CrlRecord& record) override {
    std::vector<Crl> made;
    db_.transaction(sql::Access::write, [&] {
      made.clear();
      const Time at = now();
      for (const IssuerRow& row : issuer_rows(db_)) {
        if (!row.is_issuing() || !row.is_live(at) || (!force && !is_crl_due(db_, row, at))) continue;
        const Issuer issuer(parse_certificate(row.certificate),
                            PrivateKey::from_pkcs8(issuing_key(db_, data_key_, row)));
        made.push_back(sign_crl(db_, row, issuer, folder_, crl_life));
      }
      if (record && !made.empty()) record(made);
    });
    return made;
  }

  std::optional<Crl> crl(std::string_view issuer) override {
    for (const IssuerRow& row : issuer_rows(db_)) {
      if (row.subject != issuer || row.crl.empty()) continue;
      const Certificate certificate = parse_certificate(row.certificate);
      return parse_crl(row.crl, &certificate);
    }
    return std::nullopt;
  }

  std::vector<Known> find_by_public_key(const Sha256& spki) override {
    std::vector<Known> found;
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

 private:
  std::string issuer_of(std::string_view subject, std::string_view serial) {
    std::string issuer_id;
    db_.run(
        "SELECT c.issuer_id FROM ca_issued c JOIN issuers i ON i.issuer_id = c.issuer_id "
        "WHERE i.subject = $1 AND c.serial_number = $2",
        {subject, serial}, [&](const sql::Row& row) { issuer_id = row.text(0); });
    if (issuer_id.empty()) never_issued(subject, serial);
    return issuer_id;
  }

  std::optional<Reason> stored_reason(std::string_view issuer_id, std::string_view serial) {
    std::optional<Reason> reason;
    db_.run("SELECT reason FROM ca_revocations WHERE issuer_id = $1 AND serial_number = $2", {issuer_id, serial},
            [&](const sql::Row& row) { reason = reason_of(row.text(0)).value_or(Reason::unspecified); });
    return reason;
  }

  static bool may_change(Reason before, Reason after) {
    if (before == after) return false;
    return before == Reason::certificate_hold || after == Reason::key_compromise;
  }

  void store(std::string_view issuer_id, const RevocationRequest& request) {
    sql::Value invalidity;
    if (request.invalidity_date) invalidity = to_micros(*request.invalidity_date);
    db_.run(
        "INSERT INTO ca_revocations (issuer_id, serial_number, revoked_at, reason, invalidity_at, not_after) "
        "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (issuer_id, serial_number) DO UPDATE SET "
        "reason = excluded.reason, invalidity_at = COALESCE(excluded.invalidity_at, ca_revocations.invalidity_at)",
        {issuer_id, request.serial, to_micros(request.revoked_at), to_string(request.reason), invalidity,
         to_micros(request.not_after)});
  }

  sql::Connection& db_;
  DataKey data_key_;
  std::string folder_;
};

}  // namespace

std::unique_ptr<Authority> open_local_authority(sql::Connection& db, const DataKey& data_key, std::string folder) {
  return std::make_unique<LocalAuthority>(db, data_key, std::move(folder));
}

}  // namespace ymgr
