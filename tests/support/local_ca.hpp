// A profile's database with a local CA, and certificates from it.
#pragma once
#include <memory>
#include <string>
#include <utility>

#include "authority/authority.hpp"
#include "support/database.hpp"

namespace ymgr::test {

inline LocalCaPlan ca_plan() {
  LocalCaPlan plan;
  plan.name = "Test";
  plan.root = LocalCaPlan::Root::file;  // Argon2id takes its time
  return plan;
}

inline PlannedCertificate planned(std::vector<San> sans, Duration life = std::chrono::days(90)) {
  PlannedCertificate plan;
  plan.serial = new_serial();
  plan.names = {sans.empty() ? "nobody" : sans.front().value, std::move(sans)};
  plan.not_before = floor_seconds(now()) - std::chrono::minutes(1);
  plan.not_after = floor_seconds(now()) + life;
  plan.eku = {"serverAuth"};
  plan.key_usage = {"digitalSignature"};
  return plan;
}

class LocalCa {
 public:
  explicit LocalCa(const LocalCaPlan& plan = ca_plan(), const Secret* passphrase = nullptr)
      : made(create_local_ca(*database, data_key, plan, passphrase)), authority_(open()) {}
  std::unique_ptr<Authority> open() const { return open_local_authority(*database, data_key, folder()); }
  Authority& authority() const { return *authority_; }
  std::string folder() const { return database.folder() + "/ca"; }
  RootKey root_key() const { return {nullptr, &made.root_key_pem}; }

  IssuedCertificate issue(const PlannedCertificate& plan, std::string_view cert_id = "cert-1") {
    const Csr csr = parse_csr(make_csr(key, plan.names).bytes);
    IssuedCertificate issued = authority_->open_signer()->sign({csr, plan});
    authority_->record_issued(issued, cert_id);
    return issued;
  }
  IssuedCertificate issue(std::string_view name, Duration life = std::chrono::days(90)) {
    return issue(planned({make_san(SanKind::dns, name)}, life), std::string("cert-") + std::string(name));
  }
  void revoke(const IssuedCertificate& issued, Reason reason = Reason::superseded) {
    const Certificate& certificate = issued.certificate;
    authority_->revoke(certificate.issuer, {certificate.serial, certificate.not_after, reason, now(), std::nullopt});
  }

  TestDatabase database;
  DataKey data_key = test_data_key();
  LocalCaResult made;
  PrivateKey key = PrivateKey::generate(KeyAlgorithm::ec_p256);

 private:
  std::unique_ptr<Authority> authority_;
};

}  // namespace ymgr::test
