#include "vault/pki.hpp"

#include <doctest/doctest.h>

#include <set>
#include <thread>

#include "support/shell.hpp"
#include "support/thrown.hpp"
#include "support/vault.hpp"

namespace {
using namespace ymgr;
using namespace ymgr::vault;
using std::chrono::hours;
using std::chrono::seconds;
using test::openbao;
using test::vault_of;

/// A root and an issuing CA below it, one role for servers and one for people.
struct Authority {
  explicit Authority(const std::string& name) : client(vault_of(openbao())), mount(name), pki(client, mount) {
    const std::string root = name + "-root";
    test::mount(root, Json::object({{"type", "pki"}, {"config", Json::object({{"max_lease_ttl", "87600h"}})}}));
    test::mount(name, Json::object({{"type", "pki"}, {"config", Json::object({{"max_lease_ttl", "43800h"}})}}));
    openbao().api("POST", root + "/root/generate/internal",
                  Json::object({{"common_name", "Test Root"}, {"ttl", "8760h"}, {"key_type", "ec"}}));
    const Json csr = openbao().api("POST", name + "/intermediate/generate/internal",
                                   Json::object({{"common_name", "Test Issuing CA"}, {"key_type", "ec"}}));
    const Json signed_ca = openbao().api(
        "POST", root + "/root/sign-intermediate",
        Json::object({{"csr", csr.at("data").at("csr").text()}, {"ttl", "4380h"}, {"max_path_length", 0}}));
    std::string bundle = signed_ca.at("data").at("certificate").text();
    for (const auto& one : signed_ca.at("data").texts_or_empty("ca_chain")) bundle += "\n" + one;
    openbao().api("POST", name + "/intermediate/set-signed", Json::object({{"certificate", bundle}}));
    openbao().api("POST", name + "/roles/web",
                  Json::object({{"allowed_domains", "example.com"},
                                {"allow_subdomains", true},
                                {"key_type", "any"},
                                {"max_ttl", "2400h"},
                                {"use_csr_common_name", false},
                                {"use_csr_sans", false},
                                {"not_after_bound", "ttl-limited"},
                                {"allowed_uri_sans", "spiffe://example.com/*"}}));
    openbao().api(
        "POST", name + "/roles/alice",
        Json::object({{"allowed_domains", Json::texts({"alice", "alice@example.com"})},
                      {"allow_bare_domains", true},
                      {"enforce_hostnames", false},
                      {"key_type", "any"},
                      {"use_csr_common_name", false},
                      {"use_csr_sans", false},
                      {"allow_ip_sans", false},
                      {"cn_validations", Json::texts({"email", "hostname"})},
                      {"allowed_other_sans", Json::texts({"1.3.6.1.4.1.311.20.2.3;UTF8:alice@corp.example.com"})}}));
  }
  PkiRequest request(const PrivateKey& key, const RequestedNames& names, const char* role = "web") const {
    return {.csr = make_csr(key, {"ignored", {}}), .role = role, .names = names, .life = hours(24)};
  }
  Client client;
  std::string mount;
  Pki pki;
};
Authority& authority() {
  static Authority made("pki/shared");
  return made;
}

const RequestedNames web = {"web.example.com",
                            {{SanKind::dns, "web.example.com"},
                             {SanKind::dns, "www.example.com"},
                             {SanKind::ip, "10.1.2.3"},
                             {SanKind::uri, "spiffe://example.com/web"}}};

TEST_CASE("a certificate has the names and the life that were asked for, and its chain verifies") {
  Pki& pki = authority().pki;
  const PrivateKey key = PrivateKey::generate(KeyAlgorithm::ec_p256);
  PkiRequest request = authority().request(key, web);
  const PkiCertificate made = pki.sign(request);
  CHECK(made.certificate.common_name == "web.example.com");
  auto sans = made.certificate.sans, wanted = web.sans;
  std::sort(sans.begin(), sans.end());
  std::sort(wanted.begin(), wanted.end());
  CHECK(sans == wanted);
  CHECK(is_pair(made.certificate, key));
  REQUIRE(made.chain.size() == 2);
  const auto above = parse_pem_chain(made.chain[0]), root = parse_pem_chain(made.chain[1]);
  CHECK(check_chain(made.certificate, above, root, now()).empty());
  CHECK(made.warnings.empty());
  request.life.reset();
  request.not_after = floor_seconds(now()) + hours(100);
  CHECK(pki.sign(request).certificate.not_after == *request.not_after);
  const auto chain = pki.chain();
  REQUIRE(chain.size() == 2);
  CHECK(chain.front().common_name == "Test Issuing CA");
  CHECK(chain.back().common_name == "Test Root");
  CHECK_CODE(pki.chain("nope"), Code::vault_not_found);
}

TEST_CASE("a person's certificate has the principal name that the role allows, and no other") {
  Pki& pki = authority().pki;
  const PrivateKey key = PrivateKey::generate(KeyAlgorithm::ec_p384);
  const RequestedNames alice = {"alice",
                                {{SanKind::email, "alice@example.com"}, {SanKind::upn, "alice@corp.example.com"}}};
  const PkiCertificate made = pki.sign(authority().request(key, alice, "alice"));
  auto sans = made.certificate.sans;
  std::sort(sans.begin(), sans.end());
  CHECK(sans == alice.sans);
  RequestedNames other = alice;
  other.sans.back().value = "administrator@corp.example.com";
  CHECK_CODE(pki.sign(authority().request(key, other, "alice")), Code::ca_refused);
  CHECK_CODE(pki.sign(authority().request(key, {"administrator", {}}, "alice")), Code::ca_refused);
}

TEST_CASE("what a role refuses is told apart") {
  Pki& pki = authority().pki;
  const PrivateKey key = PrivateKey::generate(KeyAlgorithm::ec_p256);
  const RequestedNames evil = {"evil.test", {{SanKind::dns, "evil.test"}}};
  const auto refused = thrown([&] { pki.sign(authority().request(key, evil)); });
  REQUIRE(refused);
  CHECK(refused->code() == Code::ca_refused);
  CHECK(std::string(refused->what()).find("evil.test not allowed by this role") != std::string::npos);
  CHECK(!refused->outcome_unknown());
  CHECK_CODE(pki.sign(authority().request(key, web, "nope")), Code::vault_not_found);
  PkiRequest request = authority().request(key, web);
  request.issuer = "nope";
  CHECK_CODE(pki.sign(request), Code::vault_not_found);
  request.issuer = "default";
  CHECK_NOTHROW(pki.sign(request));
  request.life.reset();
  request.not_after = now() + hours(24 * 1000);
  CHECK_CODE(pki.sign(request), Code::ca_refused);
  openbao().api("POST", authority().mount + "/roles/long",
                Json::object({{"allow_any_name", true}, {"max_ttl", "43800h"}, {"key_type", "any"}}));
  PkiRequest long_lived = authority().request(key, web, "long");
  long_lived.life = hours(24 * 1000);
  CHECK_CODE(pki.sign(long_lived), Code::ca_expired);
  PkiRequest cut = authority().request(key, web);
  cut.life = hours(2500);
  CHECK(pki.sign(cut).warnings.size() == 1);
}

TEST_CASE("a certificate is found again by its key, newest first") {
  Pki& pki = authority().pki;
  const PrivateKey key = PrivateKey::generate(KeyAlgorithm::ec_p256),
                   other = PrivateKey::generate(KeyAlgorithm::ec_p256);
  const PkiRequest request = authority().request(key, web);
  const auto first = pki.sign(request), second = pki.sign(request), foreign = pki.sign(authority().request(other, web));
  PkiSearch search{.public_key = key.public_key().sha256};
  CHECK(pki.find(search).size() == 2);
  search.common_name = "web.example.com";
  CHECK(pki.find(search).size() == 2);
  search.common_name = "other.example.com";
  CHECK(pki.find(search).empty());
  search = {.public_key = other.public_key().sha256, .not_after = foreign.certificate.not_after};
  REQUIRE(pki.find(search).size() == 1);
  CHECK(pki.find(search).front().serial == foreign.certificate.serial);
  search.not_after = foreign.certificate.not_after + seconds(1);
  CHECK(pki.find(search).empty());
}

TEST_CASE("what was signed and revoked is listed whole, page by page") {
  Authority ca("pki_pages");
  const auto key = PrivateKey::generate(KeyAlgorithm::ec_p256);
  const auto request = ca.request(key, {"a.example.com", {}});
  std::set<std::string> signed_ones, revoked, listed;
  for (int i = 0; i < 64; ++i) signed_ones.insert(ca.pki.sign(request).certificate.serial);  // some begin alike
  const auto list = [&](PkiList which) {
    listed.clear();
    ca.pki.serials(
        which, [&](const std::string& serial) { CHECK(listed.insert(serial).second); }, 1);
  };
  list(PkiList::issued);
  CHECK(listed == signed_ones);
  list(PkiList::revoked);
  CHECK(listed.empty());
  for (const auto& serial : {*signed_ones.begin(), *signed_ones.rbegin()}) {
    ca.pki.revoke(serial);
    revoked.insert(serial);
  }
  list(PkiList::revoked);
  CHECK(listed == revoked);
  list(PkiList::issued);
  CHECK(listed == signed_ones);
}

TEST_CASE("a revoked certificate is on the list, and can be revoked again") {
  Pki& pki = authority().pki;
  const PrivateKey key = PrivateKey::generate(KeyAlgorithm::ec_p256);
  const Certificate made = pki.sign(authority().request(key, web)).certificate;
  const auto chain = pki.chain();
  CHECK(pki.crl("default", chain.front()).find(made.serial) == nullptr);
  CHECK(!pki.read(made.serial)->revoked_at);
  const PkiRevocation revoked = pki.revoke(made.serial);
  REQUIRE(revoked.revoked_at);
  CHECK(pki.revoke(made).revoked_at == revoked.revoked_at);
  CHECK(pki.read(made.serial)->revoked_at == revoked.revoked_at);
  const Crl crl = pki.crl("default", chain.front());
  REQUIRE(crl.find(made.serial) != nullptr);
  CHECK(crl.find(made.serial)->revoked_at == *revoked.revoked_at);
  CHECK_CODE(pki.crl("default", chain.back()), Code::crl_invalid);
  CHECK_CODE(pki.crl("nope", chain.front()), Code::vault_not_found);
  CHECK_CODE(pki.revoke("4A:3F:2B"), Code::certificate_not_found);
  CHECK_CODE(pki.revoke("no serial"), Code::usage);
  CHECK(!pki.read("4A:3F:2B"));
}

TEST_CASE("lists that are rebuilt from time to time are rebuilt when that is asked for") {
  Authority own("pki/rebuilt");
  openbao().api("POST", "pki/rebuilt/config/crl",
                Json::object({{"auto_rebuild", true}, {"expiry", "72h"}, {"auto_rebuild_grace_period", "12h"}}));
  const Certificate made = own.pki.sign(own.request(PrivateKey::generate(KeyAlgorithm::ec_p256), web)).certificate;
  const Certificate issuer = own.pki.chain().front();
  own.pki.revoke(made.serial);
  CHECK(own.pki.crl("default", issuer).find(made.serial) == nullptr);
  own.pki.rotate_crl();
  CHECK(own.pki.crl("default", issuer).find(made.serial) != nullptr);
}

TEST_CASE("an expired certificate can't be revoked, which is no failure, and is found behind newer ones") {
  Pki& pki = authority().pki;
  const PrivateKey key = PrivateKey::generate(KeyAlgorithm::ec_p256);
  PkiRequest request = authority().request(key, web);
  request.life = seconds(1);
  const Certificate made = pki.sign(request).certificate;
  while (now() <= made.not_after + std::chrono::milliseconds(1100))
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  CHECK(!pki.revoke(made.serial).revoked_at);
  request.life = hours(1);
  const Certificate newer = pki.sign(request).certificate;
  const auto found = pki.find({.public_key = key.public_key().sha256});
  REQUIRE(found.size() == 2);
  CHECK(found.front().serial == newer.serial);
}

TEST_CASE("OCSP answers are signed by the CA, as openssl sees it") {
  Pki& pki = authority().pki;
  const Certificate made = pki.sign(authority().request(PrivateKey::generate(KeyAlgorithm::ec_p256), web)).certificate;
  const TemporaryFolder folder("ymgr-test");
  const auto chain = pki.chain();
  write_file(folder.path() + "/ca", chain.front().pem);
  write_file(folder.path() + "/root", chain.back().pem);
  write_file(folder.path() + "/leaf", made.pem);
  const std::string openssl = "cd " + folder.path() + " && openssl ocsp -issuer ca -cert leaf -no_nonce ";
  REQUIRE(test::run_shell(openssl + "-reqout request").exit == 0);
  const auto verdict = [&] {
    write_file(folder.path() + "/answer", pki.ocsp(read_file(folder.path() + "/request")));
    return test::run_shell(openssl + "-CAfile root -verify_other ca -respin answer").output;
  };
  const auto told = [&](const std::string& serial) {
    const auto& ca = chain.front();
    return parse_ocsp_response(pki.ocsp(make_ocsp_request(ca, serial)), ca, serial);
  };
  CHECK(verdict().find("leaf: good") != std::string::npos);
  CHECK(told(made.serial) == OcspStatus::good);
  pki.revoke(made.serial);
  CHECK(verdict().find("leaf: revoked") != std::string::npos);
  CHECK(told(made.serial) == OcspStatus::revoked);
  CHECK_CODE(parse_ocsp_response(pki.ocsp(make_ocsp_request(chain.front(), made.serial)), chain.front(), "0A"),
             Code::ocsp_invalid);
}

TEST_CASE("issuers are listed, and which of them have a key") {
  const auto issuers = authority().pki.issuers();
  REQUIRE(issuers.size() == 2);
  CHECK(std::count_if(issuers.begin(), issuers.end(), [](const auto& one) { return one.has_key; }) == 1);
  CHECK(std::count_if(issuers.begin(), issuers.end(), [](const auto& one) { return one.is_default && one.has_key; }) ==
        1);
}

}  // namespace
