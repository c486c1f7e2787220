// The CA whose serials, revocations and CRL number stand in the profile's own database.
#include "authority/crl.hpp"
#include "authority/ledger.hpp"
#include "authority/signer_local.hpp"
#include "authority/store.hpp"
#include "base/error.hpp"
#include "base/files.hpp"

namespace ymgr {
namespace {

using namespace ca;

class LocalAuthority : public Authority {
 public:
  LocalAuthority(sql::Connection& db, const DataKey& data_key, std::string folder)
      : db_(db), ledger_(db), data_key_(data_key.clone()), folder_(std::move(folder)) {}

  std::unique_ptr<Signer> open_signer() override {
    const IssuerRow row = active_row(db_);
    return make_local_signer(row, stored_plan(db_), issuing_key(db_, data_key_, row));
  }

  void record_issued(const IssuedCertificate& issued, std::string_view cert_id) override {
    ledger_.record_issued(issued, cert_id);
  }

  void revoke(std::string_view issuer, const RevocationRequest& request) override {
    db_.transaction(sql::Access::write, [&] {
      if (const auto changed = ledger_.revoke(issuer, request)) mark_crl_stale(db_, *changed);
    });
  }

  void unhold(std::string_view issuer, std::string_view serial) override {
    db_.transaction(sql::Access::write, [&] { mark_crl_stale(db_, ledger_.unhold(issuer, serial)); });
  }

  std::vector<Known> find_by_public_key(const Sha256& spki) override { return ledger_.find_by_public_key(spki); }

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

 private:
  sql::Connection& db_;
  Ledger ledger_;
  DataKey data_key_;
  std::string folder_;
};

}  // namespace

std::unique_ptr<Authority> open_local_authority(sql::Connection& db, const DataKey& data_key, std::string folder) {
  return std::make_unique<LocalAuthority>(db, data_key, std::move(folder));
}

}  // namespace ymgr
