// What every CA must do alike; OpenSSL's command line judges what it signs.
#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>

#include "authority/authority.hpp"
#include "authority/authority_vault.hpp"
#include "base/files.hpp"
#include "base/workers.hpp"
#include "http/server.hpp"
#include "support/faults.hpp"
#include "support/local_ca.hpp"
#include "support/shell.hpp"
#include "support/thrown.hpp"
#include "support/vault.hpp"
#include "vault/pki.hpp"
#include "workflow/team_plan.hpp"

namespace {
using namespace ymgr;
using test::planned;
using test::run_shell;

/// A CA with nothing issued yet.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual Authority& authority() = 0;
  virtual Certificate issuing() = 0;
  virtual Certificate root() = 0;
  /// PEM of the root's own list.
  virtual std::string root_crl() = 0;
  /// A CA elsewhere chooses serial numbers, begins and key usages, and its lists tell no reasons and last as long as it likes.
  virtual bool is_local() const { return true; }
  /// The last moment the CA may sign for.
  Time end() { return issuing().not_after; }
};
using MakeBackend = std::function<std::unique_ptr<Backend>()>;

class Contract {
 public:
  explicit Contract(const MakeBackend& make) : backend_(make()), authority_(backend_->authority()) {}

  IssuedCertificate sign(const PlannedCertificate& plan, std::string_view cert_id = "cert-1") {
    const Csr csr = parse_csr(make_csr(key, plan.names).bytes);
    IssuedCertificate issued = authority_.open_signer()->sign({csr, plan, "tls-server", "alice"});
    authority_.record_issued(issued, cert_id);
    return issued;
  }
  void revoke(const IssuedCertificate& issued, Reason reason, std::optional<Time> invalidity = std::nullopt) {
    const Certificate& certificate = issued.certificate;
    authority_.revoke(certificate.issuer, {certificate.serial, certificate.not_after, reason, now(), invalidity});
  }
  /// The newest list, as anybody can fetch it.
  Crl list() {
    authority_.refresh_crls(false);
    const Crl crl = authority_.crl(backend_->issuing().subject).value();
    write_file(path("crl.pem"), to_pem(crl.der, "X509 CRL"));
    return crl;
  }
  /// The reason on the newest list; nullopt: not on it.
  std::optional<Reason> listed(const IssuedCertificate& issued) {
    const Crl crl = list();
    const RevokedEntry* entry = crl.find(issued.certificate.serial);
    return entry == nullptr ? std::nullopt : std::optional(entry->reason);
  }
  /// OpenSSL's verdict with all lists at hand.
  test::Ran verdict(const IssuedCertificate& issued) {
    list();
    write_file(path("ca.pem"), backend_->issuing().pem);
    write_file(path("root.pem"), backend_->root().pem);
    write_file(path("leaf.pem"), issued.certificate.pem);
    write_file(path("crls.pem"), read_file(path("crl.pem")) + backend_->root_crl());
    return run_shell("cd " + folder_.path() +
                     " && openssl verify -x509_strict -crl_check_all -CRLfile crls.pem -CAfile "
                     "root.pem -untrusted ca.pem leaf.pem");
  }
  std::string path(const std::string& name) const { return folder_.path() + "/" + name; }
  Backend& backend() { return *backend_; }
  Authority& authority() { return authority_; }

  PrivateKey key = PrivateKey::generate(KeyAlgorithm::ec_p256);

 private:
  TemporaryFolder folder_{"ymgr-test"};
  std::unique_ptr<Backend> backend_;
  Authority& authority_;
};

std::vector<std::string> sorted(const std::vector<San>& sans) {
  std::vector<std::string> texts;
  for (const auto& san : sans) texts.push_back(to_string(san));
  std::ranges::sort(texts);
  return texts;
}

void signs_as_planned(Contract& contract) {
  const PlannedCertificate plan =
      planned({make_san(SanKind::dns, "api.example.com"), make_san(SanKind::ip, "192.0.2.1"),
               make_san(SanKind::email, "ops@example.com")});
  const IssuedCertificate issued = contract.sign(plan);
  const Certificate& certificate = issued.certificate;
  if (contract.backend().is_local()) {
    CHECK(certificate.serial == plan.serial);
    CHECK(certificate.not_before == plan.not_before);
    CHECK(certificate.key_usage == plan.key_usage);
  }
  CHECK(certificate.common_name == plan.names.common_name);
  CHECK(sorted(certificate.sans) == sorted(plan.names.sans));
  CHECK(certificate.not_after == plan.not_after);
  CHECK(certificate.eku == plan.eku);
  CHECK(certificate.issuer == contract.backend().issuing().subject);
  CHECK_FALSE(certificate.is_ca);
  CHECK(is_pair(certificate, contract.key));
  const auto verdict = contract.verdict(issued);
  CHECK_MESSAGE(verdict.exit == 0, verdict.output);
}

void refuses_what_it_may_not(Contract& contract) {
  PlannedCertificate plan = planned({make_san(SanKind::dns, "a.example")});
  const Csr csr = parse_csr(make_csr(contract.key, plan.names).bytes);
  const auto signer = contract.authority().open_signer();
  plan.not_after = contract.backend().end() + std::chrono::seconds(1);
  CHECK_CODE(signer->sign({csr, plan, "tls-server", "alice"}), Code::ca_expired);
  plan.not_after = contract.backend().end();
  CHECK(signer->sign({csr, plan, "tls-server", "alice"}).certificate.not_after == plan.not_after);
}

void revokes_once(Contract& contract) {
  const IssuedCertificate bad = contract.sign(planned({make_san(SanKind::dns, "bad.example")}), "cert-1");
  const IssuedCertificate good = contract.sign(planned({make_san(SanKind::dns, "good.example")}), "cert-2");
  const Crl before = contract.list();
  const Time invalid_since = floor_seconds(now()) - std::chrono::hours(5);
  contract.revoke(bad, Reason::superseded, invalid_since);
  const Crl after = contract.list();
  CHECK(after.number > before.number);
  REQUIRE(after.entries.size() == 1);
  const RevokedEntry first = after.entries[0];
  CHECK(first.serial == bad.certificate.serial);
  if (contract.backend().is_local()) {
    CHECK(first.reason == Reason::superseded);
    CHECK(first.invalidity_date == invalid_since);
  }
  CHECK(contract.verdict(bad).says("certificate revoked"));
  CHECK(contract.verdict(good).exit == 0);
  contract.revoke(bad, Reason::cessation_of_operation);
  CHECK(contract.list().find(bad.certificate.serial)->revoked_at == first.revoked_at);
  if (!contract.backend().is_local()) return;
  // Again: harmless, the reason may only rise to keyCompromise, and the date stays.
  contract.revoke(bad, Reason::cessation_of_operation);
  CHECK(contract.listed(bad) == Reason::superseded);
  contract.revoke(bad, Reason::certificate_hold);
  CHECK(contract.listed(bad) == Reason::superseded);
  contract.revoke(bad, Reason::key_compromise);
  CHECK(contract.listed(bad) == Reason::key_compromise);
  contract.revoke(bad, Reason::superseded);
  CHECK(contract.listed(bad) == Reason::key_compromise);
  CHECK(contract.list().find(bad.certificate.serial)->revoked_at == first.revoked_at);
}

void holds_and_releases(Contract& contract) {
  const IssuedCertificate issued = contract.sign(planned({make_san(SanKind::dns, "a.example")}));
  Authority& authority = contract.authority();
  const std::string& issuer = issued.certificate.issuer;
  CHECK_CODE(authority.unhold(issuer, issued.certificate.serial), Code::certificate_state);
  contract.revoke(issued, Reason::certificate_hold);
  CHECK(contract.listed(issued) == Reason::certificate_hold);
  CHECK(contract.verdict(issued).exit != 0);
  authority.unhold(issuer, issued.certificate.serial);
  CHECK(contract.listed(issued) == std::nullopt);
  CHECK(contract.verdict(issued).exit == 0);
  contract.revoke(issued, Reason::certificate_hold);
  contract.revoke(issued, Reason::superseded);
  CHECK(contract.listed(issued) == Reason::superseded);
  CHECK_CODE(authority.unhold(issuer, issued.certificate.serial), Code::certificate_state);
}

void refuses_strangers(Contract& contract) {
  const IssuedCertificate issued = contract.sign(planned({make_san(SanKind::dns, "a.example")}));
  const Certificate& certificate = issued.certificate;
  Authority& authority = contract.authority();
  const auto revoke = [&](const std::string& issuer, const std::string& serial, Reason reason) {
    authority.revoke(issuer, {serial, certificate.not_after, reason, now(), std::nullopt});
  };
  CHECK_CODE(revoke(certificate.issuer, new_serial(), Reason::superseded), Code::certificate_not_found);
  CHECK_CODE(revoke("CN=Somebody Else", certificate.serial, Reason::superseded), Code::certificate_not_found);
  CHECK_CODE(revoke(certificate.issuer, certificate.serial, Reason::remove_from_crl), Code::reason_invalid);
  CHECK_CODE(authority.unhold(certificate.issuer, new_serial()), Code::certificate_not_found);
  CHECK_FALSE(authority.crl("CN=Somebody Else"));
  CHECK(contract.listed(issued) == std::nullopt);
}

void finds_by_key(Contract& contract) {
  const auto first = contract.sign(planned({make_san(SanKind::dns, "a.example")}), "cert-20260101000000-000000000001");
  const auto second = contract.sign(planned({make_san(SanKind::dns, "a.example")}), "cert-20260102000000-000000000000");
  const auto found = contract.authority().find_by_public_key(contract.key.public_key().sha256);
  REQUIRE(found.size() == 2);
  CHECK(found[0].serial == second.certificate.serial);
  CHECK(found[0].cert_id == "cert-20260102000000-000000000000");
  CHECK(found[0].issuer_id == second.issuer_id);
  CHECK(found[1].serial == first.certificate.serial);
  CHECK(contract.authority().find_by_public_key(sha256("another key")).empty());
}

void lists_are_good(Contract& contract) {
  CHECK(contract.authority().refresh_crls(true).size() == 1);
  const Crl first = contract.list();
  CHECK(first.next_update - first.this_update >= std::chrono::days(3));
  if (contract.backend().is_local()) CHECK(first.next_update - first.this_update == std::chrono::days(7));
  CHECK(contract.authority().refresh_crls(false).empty());
  const auto forced = contract.authority().refresh_crls(true);
  REQUIRE(forced.size() == 1);
  CHECK(forced[0].number > first.number);
  CHECK(contract.list().der == forced[0].der);
  write_file(contract.path("ca.pem"), contract.backend().issuing().pem);
  const auto judged =
      run_shell("openssl crl -noout -text -CAfile " + contract.path("ca.pem") + " -in " + contract.path("crl.pem"));
  CHECK_MESSAGE(judged.says("verify OK"), judged.output);
  CHECK(judged.says("X509v3 CRL Number"));
  CHECK(judged.says("No Revoked Certificates"));
}

void authority_contract(const MakeBackend& make) {
  Contract contract(make);
  SUBCASE("it signs as planned") {
    signs_as_planned(contract);
  }
  SUBCASE("it refuses bad requests and plans beyond its own end") {
    refuses_what_it_may_not(contract);
  }
  SUBCASE("a revocation is on the list, once") {
    revokes_once(contract);
  }
  SUBCASE("a hold comes and goes") {
    if (contract.backend().is_local()) holds_and_releases(contract);
  }
  SUBCASE("it revokes only what it issued") {
    refuses_strangers(contract);
  }
  SUBCASE("it finds what it signed by public key, newest first") {
    finds_by_key(contract);
  }
  SUBCASE("its lists are good, and their numbers rise") {
    lists_are_good(contract);
  }
}

class LocalBackend : public Backend {
 public:
  Authority& authority() override { return ca_.authority(); }
  Certificate issuing() override { return parse_certificate(ca_.made.issuing_pem); }
  Certificate root() override { return parse_certificate(ca_.made.root_pem); }
  std::string root_crl() override { return to_pem(ca_.authority().crl(root().subject)->der, "X509 CRL"); }

 private:
  test::LocalCa ca_;
};

TEST_CASE("the local CA keeps the contract of a certificate authority") {
  authority_contract([] { return std::make_unique<LocalBackend>(); });
}

/// Root and issuing CA in two mounts of their own, with the roles that a team's set-up writes.
class VaultBackend : public Backend {
 public:
  VaultBackend() {
    static int mounts = 0;
    const auto number = std::to_string(++mounts);
    root_mount_ = "pki-root" + number;
    mount_ = "pki" + number;
    make_cas();
    team::Settings settings;
    settings.pki = mount_;
    settings.prefix = "ymgr-";
    settings.domains = {"example.com", "example", "192.0.2.0/24"};
    for (const auto& call : team::service_roles(settings)) test::openbao().api(call.method, call.path, call.body);
    adopt_vault_issuers(*database_, client_, mount_);
    authority_ = open_vault_authority(*database_, client_, {mount_, [](const SigningRequest& wanted) {
                                                              return "ymgr-" + std::string(wanted.profile) + "-ec";
                                                            }});
  }
  Authority& authority() override { return *authority_; }
  Certificate issuing() override { return vault::Pki(client_, mount_).chain().at(0); }
  Certificate root() override { return vault::Pki(client_, root_mount_).chain().at(0); }
  std::string root_crl() override {
    return to_pem(vault::Pki(client_, root_mount_).crl("default", root()).der, "X509 CRL");
  }
  bool is_local() const override { return false; }
  vault::Client& client() { return client_; }
  const std::string& mount() const { return mount_; }

 private:
  void make_cas() {
    const Json tuned = Json::object({{"type", "pki"}, {"config", Json::object({{"max_lease_ttl", "87600h"}})}});
    test::mount(root_mount_, tuned);
    test::mount(mount_, tuned);
    const auto call = [](const std::string& path, const Json& body) { return test::openbao().api("POST", path, body); };
    call(root_mount_ + "/root/generate/internal",
         Json::object({{"common_name", "Test Root"}, {"ttl", "80000h"}, {"key_type", "ec"}, {"key_bits", 256}}));
    const Json csr =
        call(mount_ + "/intermediate/generate/internal",
             Json::object({{"common_name", "Test Issuing " + mount_}, {"key_type", "ec"}, {"key_bits", 256}}));
    const Json signed_ = call(root_mount_ + "/root/sign-intermediate",
                              Json::object({{"csr", csr.at("data").at("csr").text()}, {"ttl", "9000h"}}));
    call(mount_ + "/intermediate/set-signed",
         Json::object({{"certificate", signed_.at("data").at("certificate").text() + "\n" + root().pem}}));
  }

  vault::Client client_ = test::vault_of(test::openbao());
  std::string root_mount_, mount_;
  test::TestDatabase database_;
  std::unique_ptr<Authority> authority_;
};

TEST_CASE("Vault's CA keeps the contract of a certificate authority") {
  authority_contract([] { return std::make_unique<VaultBackend>(); });
}

class FaultyBackend final : public VaultBackend {
 public:
  Authority& authority() override { return authority_; }

 private:
  test::Faults faults_{Code::vault_unreachable};
  test::FaultyAuthority authority_{VaultBackend::authority(), faults_};
};

TEST_CASE("a certificate authority that may fail, and does not, keeps the contract") {
  authority_contract([] { return std::make_unique<FaultyBackend>(); });
}

TEST_CASE("what Vault signed and did not get to say is found again") {
  VaultBackend backend;
  const auto key = PrivateKey::generate(KeyAlgorithm::ec_p256);
  PlannedCertificate plan = planned({make_san(SanKind::dns, "a.example")});
  const Csr csr = parse_csr(make_csr(key, plan.names).bytes);
  const SigningRequest wanted{csr, plan, "tls-server", "alice"};
  const auto signer = backend.authority().open_signer();
  CHECK_FALSE(signer->find(wanted));
  const auto made = signer->sign(wanted);
  const auto found = signer->find(wanted);
  REQUIRE(found);
  CHECK(found->certificate.serial == made.certificate.serial);
  CHECK(found->issuer_id == made.issuer_id);
  plan.not_after += std::chrono::hours(1);
  CHECK_FALSE(signer->find(wanted));
  const auto known = backend.authority().find_by_public_key(key.public_key().sha256);
  REQUIRE(known.size() == 1);
  CHECK(known[0].serial == made.certificate.serial);
  CHECK(known[0].cert_id.empty());
}

TEST_CASE("Vault's CA tells what it signed and revoked, whatever the database says") {
  VaultBackend backend;
  auto& books = *backend.authority().books();
  const auto key = PrivateKey::generate(KeyAlgorithm::ec_p256);
  const PlannedCertificate plan = planned({make_san(SanKind::dns, "a.example")});
  const Csr csr = parse_csr(make_csr(key, plan.names).bytes);
  const auto signer = backend.authority().open_signer();
  const auto one = signer->sign({csr, plan, "tls-server", "alice"}),
             other = signer->sign({csr, plan, "tls-server", "alice"});
  vault::Pki(backend.client(), backend.mount()).revoke(one.certificate.serial);
  std::vector<std::string> issued, revoked;
  books.issued([&](const std::string& serial) { issued.push_back(serial); });
  books.revoked([&](const std::string& serial) { revoked.push_back(serial); });
  std::ranges::sort(issued);
  CHECK(issued == std::vector{std::min(one.certificate.serial, other.certificate.serial),
                              std::max(one.certificate.serial, other.certificate.serial)});
  CHECK(revoked == std::vector{one.certificate.serial});
  CHECK(books.read(one.certificate.serial)->revoked_at);
  CHECK_FALSE(books.read(other.certificate.serial)->revoked_at);
  CHECK(books.read(other.certificate.serial)->certificate.pem == other.certificate.pem);
  CHECK_FALSE(books.read(new_serial()));
}

TEST_CASE("a revocation of what Vault never signed does not keep the others off its list") {
  VaultBackend backend;
  const auto key = PrivateKey::generate(KeyAlgorithm::ec_p256);
  const PlannedCertificate plan = planned({make_san(SanKind::dns, "a.example")});
  const Csr csr = parse_csr(make_csr(key, plan.names).bytes);
  const auto real = backend.authority().open_signer()->sign({csr, plan, "tls-server", "alice"});
  IssuedCertificate invented = real;
  invented.certificate.serial = "01:02";
  for (const IssuedCertificate* issued : {&std::as_const(invented), &real}) {
    const auto& certificate = issued->certificate;
    backend.authority().record_issued(*issued, "cert-1");
    backend.authority().revoke(certificate.issuer, {certificate.serial, plan.not_after, Reason::superseded, now(), {}});
  }
  CHECK(backend.authority().refresh_crls(false).size() == 1);
  CHECK(backend.authority().crl(real.certificate.issuer)->find(real.certificate.serial));
}

TEST_CASE("Vault's CA holds nothing, and signs nothing but what was planned") {
  VaultBackend backend;
  const auto key = PrivateKey::generate(KeyAlgorithm::ec_p256);
  PlannedCertificate plan = planned({make_san(SanKind::dns, "a.example")});
  plan.eku = {"clientAuth"};
  const Csr csr = parse_csr(make_csr(key, plan.names).bytes);
  const auto signer = backend.authority().open_signer();
  CHECK_CODE(signer->sign({csr, plan, "tls-server", "alice"}), Code::ca_refused);
  const auto orphans = vault::Pki(backend.client(), backend.mount()).find({key.public_key().sha256, {}, {}});
  REQUIRE(orphans.size() == 1);
  CHECK(vault::Pki(backend.client(), backend.mount()).read(orphans[0].serial)->revoked_at);
  CHECK_CODE(backend.authority().revoke(backend.issuing().subject,
                                        {new_serial(), plan.not_after, Reason::certificate_hold, now(), std::nullopt}),
             Code::reason_invalid);
}

TEST_CASE("signers work on threads of their own while the database stays with the command's") {
  const test::LocalCa ca;
  const auto signer = ca.authority().open_signer();
  std::optional<IssuedCertificate> issued;
  run_workers(
      1,
      [&](std::size_t) {
        const CryptoThread own;
        const auto mine = ca.key.public_key();
        const PlannedCertificate plan = planned({make_san(SanKind::dns, "a.example")});
        const Csr csr = parse_csr(make_csr(PrivateKey::generate(KeyAlgorithm::ec_p256), plan.names).bytes);
        issued = signer->sign({csr, plan, "tls-server", "alice"});
        CHECK(issued->certificate.key.sha256 != mine.sha256);
      },
      [] {});
  REQUIRE(issued);
  ca.authority().record_issued(*issued, "cert-1");
}

TEST_CASE("the responder behind a real server satisfies `openssl ocsp`") {
  test::LocalCa ca;
  const auto good = ca.issue("good.example"), bad = ca.issue("bad.example");
  ca.revoke(bad, Reason::key_compromise);
  ca.authority().refresh_crls(false);
  refresh_ocsp_signer(*ca.database, ca.data_key, ca.folder(), false);
  publish_ca_files(*ca.database, ca.folder());
  const auto served = ca.database.another();
  CaResponder responder(*served, ca.folder());
  const http::Server server({}, [&](const http::Request& request) {
    CaAnswer answer = responder.answer(request.method, request.path, request.body);
    return http::Response{answer.status, answer.content_type, answer.body, {}};
  });
  const std::string url = "http://127.0.0.1:" + std::to_string(server.port());
  const auto ask = [&](const IssuedCertificate& issued) {
    std::string serial = issued.certificate.serial;
    std::erase(serial, ':');
    return run_shell("cd " + ca.folder() + " && openssl ocsp -url " + url + "/ocsp -issuer ca.pem -serial 0x" + serial +
                     " -CAfile root.pem -verify_other ca.pem");
  };
  CHECK_MESSAGE(ask(good).says(": good"), ask(good).output);
  CHECK(ask(good).says("Response verify OK"));
  CHECK_FALSE(ask(good).says("no nonce"));
  CHECK(ask(bad).says("Reason: keyCompromise"));
  const auto fetched =
      run_shell("cd " + ca.folder() + " && curl -sSf " + url + "/crl | openssl crl -inform DER -noout -text");
  CHECK_MESSAGE(fetched.says("Key Compromise"), fetched.output);
}

}  // namespace
