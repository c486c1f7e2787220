#include "authority/authority_vault.hpp"

#include <algorithm>
#include <span>

#include "authority/ledger.hpp"
#include "authority/store.hpp"
#include "base/error.hpp"
#include "base/text.hpp"
#include "vault/pki.hpp"

namespace ymgr {
namespace {

using namespace ca;

bool has_names(const Certificate& certificate, const RequestedNames& names) {
  auto there = certificate.sans, wanted = names.sans;
  const auto by_text = [](const San& a, const San& b) { return to_string(a) < to_string(b); };
  std::ranges::sort(there, by_text);
  std::ranges::sort(wanted, by_text);
  return certificate.common_name == names.common_name && there == wanted;
}

/// What of the plan a certificate does not have; empty: it is as planned. Serial number, begin and key usage are the CA's to choose.
std::string difference(const Certificate& certificate, const SigningRequest& wanted) {
  const auto& plan = wanted.planned;
  if (certificate.key.sha256 != wanted.csr.key.sha256) return "key";
  if (!has_names(certificate, plan.names)) return "names";
  if (floor_seconds(certificate.not_after) != floor_seconds(plan.not_after)) return "end";
  for (const auto& usage : plan.eku)
    if (std::ranges::find(certificate.eku, usage) == certificate.eku.end()) return "extended key usage " + usage;
  if (certificate.is_ca) return "basic constraints";
  return {};
}

class VaultSigner : public Signer {
 public:
  VaultSigner(std::shared_ptr<vault::Client> client, VaultCa ca, std::vector<CaInfo> known)
      : client_(std::move(client)), pki_(*client_, ca.mount), ca_(std::move(ca)), known_(std::move(known)) {}

  IssuedCertificate sign(const SigningRequest& wanted) override {
    const std::string role = ca_.role(wanted);
    auto made = ask_ca({.csr = wanted.csr.der,
                        .role = role,
                        .issuer = {},
                        .names = wanted.planned.names,
                        .life = {},
                        .not_after = wanted.planned.not_after});
    const auto other = difference(made.certificate, wanted);
    const auto* issuer = ca_of(known_, made.certificate);
    if (other.empty() && issuer != nullptr) return {std::move(made.certificate), issuer->issuer_id, issuer->name};
    pki_.revoke(made.certificate.serial);  // nobody gets it
    if (issuer == nullptr)
      throw Error(Code::ca_not_ready, "Vault signs as " + made.certificate.issuer + ", which is not known here",
                  "an admin makes it known with 'ymgr init --team --apply'");
    throw Error(Code::ca_refused, "Vault's role " + role + " signed another " + other + " than planned",
                "ask for what the role allows, or have the role changed");
  }

  std::optional<IssuedCertificate> find(const SigningRequest& wanted) override {
    for (auto& certificate :
         pki_.find({wanted.csr.key.sha256, wanted.planned.names.common_name, wanted.planned.not_after})) {
      const auto* issuer = ca_of(known_, certificate);
      if (issuer != nullptr && certificate.serial != wanted.former && difference(certificate, wanted).empty())
        return IssuedCertificate{std::move(certificate), issuer->issuer_id, issuer->name};
    }
    return std::nullopt;
  }

 private:
  /// A CA that says 503 to every try is told as what it is to whoever waits for a certificate.
  vault::PkiCertificate ask_ca(const vault::PkiRequest& request) {
    try {
      return pki_.sign(request);
    } catch (const Error& error) {
      const auto *retries = error.detail("retries"), *status = error.detail("http_status");
      if (error.kind() != Kind::unreachable || status == nullptr || *status != "503" || retries == nullptr) throw;
      throw Error(error.code(), "CA unavailable after " + *retries + " retries",
                  std::string(error.what()) + "; " + error.suggestion(), error.details(),
                  error.outcome_unknown() ? Outcome::unknown : Outcome::known);
    }
  }

  std::shared_ptr<vault::Client> client_;
  vault::Pki pki_;
  VaultCa ca_;
  std::vector<CaInfo> known_;
};

class VaultBooks : public CaBooks {
 public:
  explicit VaultBooks(vault::Pki& pki) : pki_(pki) {}
  void issued(const Each& each) override { pki_.serials(vault::PkiList::issued, each); }
  void revoked(const Each& each) override { pki_.serials(vault::PkiList::revoked, each); }
  std::optional<Record> read(std::string_view serial) override {
    auto record = pki_.read(serial);
    if (!record) return std::nullopt;
    return Record{std::move(record->certificate), record->revoked_at};
  }

 private:
  vault::Pki& pki_;
};

class VaultAuthority : public Authority {
 public:
  VaultAuthority(sql::Connection& db, vault::Client& client, VaultCa ca)
      : db_(db), client_(client), pki_(client, ca.mount), books_(pki_), ca_(std::move(ca)), ledger_(db) {}

  CaBooks* books() noexcept override { return &books_; }

  std::unique_ptr<Signer> open_signer() override {
    if (known_.empty()) known_ = live_cas();
    auto client = ca_.workers ? ca_.workers->client() : std::make_shared<vault::Client>(client_.for_another_thread());
    return std::make_unique<VaultSigner>(std::move(client), ca_, known_);
  }

  void record_issued(const IssuedCertificate& issued, std::string_view cert_id) override {
    ledger_.record_issued(issued, cert_id);
  }

  void revoke(std::string_view issuer, const RevocationRequest& request) override {
    if (request.reason == Reason::certificate_hold)
      throw Error(Code::reason_invalid, "Vault's CA can't hold a certificate, only revoke it",
                  "choose another --reason, such as superseded");
    db_.transaction(sql::Access::write, [&] { ledger_.revoke(issuer, request); });
  }

  void unhold(std::string_view issuer, std::string_view serial) override { ledger_.unhold(issuer, serial); }

  using Authority::refresh_crls;
  std::vector<Crl> refresh_crls(bool force, const CrlRecord& record) override {
    std::vector<Crl> made;
    for (const IssuerRow& row : issuer_rows(db_))
      if (row.is_issuing() && row.is_live(now()) && !row.is_of_a_profile())
        if (auto crl = refresh(row, force)) made.push_back(std::move(*crl));
    if (record && !made.empty()) db_.transaction(sql::Access::write, [&] { record(made); });
    return made;
  }

  std::optional<Crl> crl(std::string_view issuer) override {
    for (const IssuerRow& row : issuer_rows(db_))
      if (row.is_issuing() && row.subject == issuer && has_list(row)) return list_of(row);
    return std::nullopt;
  }

  std::optional<OcspStatus> ocsp_status(std::string_view issuer, std::string_view serial) override {
    for (const IssuerRow& row : issuer_rows(db_)) {
      if (!row.is_issuing() || row.subject != issuer || row.is_of_a_profile()) continue;
      const Certificate ca = parse_certificate(row.certificate);
      return parse_ocsp_response(pki_.ocsp(make_ocsp_request(ca, serial)), ca, serial);
    }
    return std::nullopt;
  }

  std::vector<Known> find_by_public_key(const Sha256& spki) override {
    auto found = ledger_.find_by_public_key(spki);
    const auto cas = list_cas(db_);
    for (const auto& certificate : pki_.find({spki, {}, {}})) {
      const auto* issuer = ca_of(cas, certificate);
      const auto is_it = [&](const Known& known) { return known.serial == certificate.serial; };
      if (issuer != nullptr && std::ranges::none_of(found, is_it))
        found.insert(found.begin(), {issuer->issuer_id, certificate.serial, {}});
    }
    return found;
  }

 private:
  std::vector<CaInfo> live_cas() {
    auto known = list_cas(db_);
    if (std::ranges::none_of(known, [](const CaInfo& ca) { return ca.status == "active"; }))
      throw Error(Code::ca_not_ready, "no CA of Vault is known to the database yet",
                  "an admin's 'ymgr login' makes known what the PKI engine has");
    return known;
  }

  static bool has_list(const IssuerRow& row) { return !row.is_of_a_profile() || !row.crl.empty(); }

  Crl list_of(const IssuerRow& row) {
    const Certificate certificate = parse_certificate(row.certificate);
    return row.is_of_a_profile() ? parse_crl(row.crl, &certificate) : pki_.crl(row.issuer_id, certificate);
  }

  /// false: a row that somebody made up must not keep the others off the list; reconcile reports it.
  bool revoke_there(const std::string& serial) {
    try {
      pki_.revoke(serial);
      return true;
    } catch (const Error& error) {
      if (error.code() != Code::certificate_not_found) throw;
      return false;
    }
  }

  /// What the engine's list lacks is revoked there. nullopt: it lacks nothing.
  std::optional<Crl> refresh(const IssuerRow& row, bool force) {
    const Crl before = list_of(row);
    bool lacks = false;
    for (const auto& serial : ledger_.revoked(row.issuer_id, now())) {
      if (before.find(serial) != nullptr) continue;
      lacks |= revoke_there(serial);
    }
    if (!lacks && !force) return std::nullopt;
    pki_.rotate_crl();
    return list_of(row);
  }

  sql::Connection& db_;
  vault::Client& client_;
  vault::Pki pki_;
  VaultBooks books_;
  VaultCa ca_;
  std::vector<CaInfo> known_;  // to the signers
  Ledger ledger_;
};

std::string pem_of(std::span<const Certificate> certificates) {
  std::string pem;
  for (const auto& certificate : certificates) pem += certificate.pem;
  return pem;
}

bool adopt(sql::Connection& db, const vault::PkiIssuer& issuer, const std::vector<Certificate>& chain) {
  for (const auto& row : issuer_rows(db))
    if (row.issuer_id == issuer.id) return false;
  const Certificate& own = chain.front();
  const auto above = pem_of(std::span(chain).subspan(1));
  insert_issuer(db, {.issuer_id = issuer.id,
                     .kind = "issuing",
                     .name = issuer.name.empty() ? own.common_name : issuer.name,
                     .subject = own.subject,
                     .csr = {},
                     .chain = above,
                     .key_path = {},
                     .certificate = own});
  return true;
}

}  // namespace

std::unique_ptr<Authority> open_vault_authority(sql::Connection& db, vault::Client& client, VaultCa ca) {
  return std::make_unique<VaultAuthority>(db, client, std::move(ca));
}

int adopt_vault_issuers(sql::Connection& db, vault::Client& client, const std::string& mount) {
  vault::Pki pki(client, mount);
  std::vector<std::pair<vault::PkiIssuer, std::vector<Certificate>>> found;
  for (auto& issuer : pki.issuers())
    if (issuer.has_key) found.emplace_back(issuer, pki.chain(issuer.id));
  const auto is_default = [](const auto& one) { return one.first.is_default; };
  if (std::ranges::none_of(found, is_default))
    throw Error(Code::ca_not_ready, "the PKI engine at " + mount + " has no issuer that signs",
                "give it one, or have it made with --create-ca");
  int adopted = 0;
  db.transaction(sql::Access::write, [&] {
    adopted = 0;
    for (const auto& [issuer, chain] : found) adopted += adopt(db, issuer, chain) ? 1 : 0;
    const auto active = std::ranges::find_if(found, is_default);
    activate_issuer(db, active->first.id, active->second.front(), pem_of(std::span(active->second).subspan(1)));
  });
  return adopted;
}

}  // namespace ymgr
