// Making, importing and rotating CAs; OpenSSL's command line is the outside root.
#include <doctest/doctest.h>

#include "authority/store.hpp"
#include "base/files.hpp"
#include "support/local_ca.hpp"
#include "support/shell.hpp"
#include "support/test_clock.hpp"
#include "support/thrown.hpp"

namespace {
using namespace ymgr;
using test::LocalCa;
using test::run_shell;

std::string file(const LocalCa& ca, const std::string& name, std::string_view data) {
  const std::string path = ca.database.folder() + "/" + name;
  write_file(path, data);
  return path;
}

TEST_CASE("a new profile has a root and an issuing CA under it") {
  const test::TestClock clock(now());
  auto plan = test::ca_plan();
  plan.urls.crl = {"http://pki.example/{issuer}.crl"};
  plan.constraints.permitted = {{SanKind::dns, "example.com"}, {SanKind::ip, "10.0.0.0/8"}};
  LocalCa ca(plan);
  const auto cas = list_cas(*ca.database);
  REQUIRE(cas.size() == 2);
  CHECK(cas[0].kind == "issuing");
  CHECK(cas[0].name == "Test Issuing CA 1");
  CHECK(cas[0].status == "active");
  CHECK(cas[0].certificate->path_length == 0);
  CHECK(cas[0].chain.size() == 1);
  CHECK(cas[0].root_key.empty());
  CHECK(cas[1].kind == "root");
  CHECK(cas[1].name == "Test Root CA");
  CHECK(cas[1].root_key == "file");
  CHECK(cas[1].crl_number > 0);
  CHECK(cas[1].certificate->not_after - cas[0].certificate->not_after == std::chrono::days(10 * 365));
  CHECK(active_ca(*ca.database).issuer_id == cas[0].issuer_id);

  const auto issued = ca.issue("api.example.com");
  CHECK(issued.issuer_id == cas[0].issuer_id);
  CHECK(issued.ca_name == "Test Issuing CA 1");
  REQUIRE(issued.certificate.urls.crl.size() == 1);
  CHECK(issued.certificate.urls.crl[0] == "http://pki.example/" + cas[0].issuer_id + ".crl");
  const auto crls = ca.authority().refresh_crls(true);
  const std::string root = file(ca, "root.pem", ca.made.root_pem), issuing = file(ca, "ca.pem", ca.made.issuing_pem);
  const std::string lists = file(
      ca, "crls.pem", to_pem(crls[0].der, "X509 CRL") + to_pem(ca.authority().crl(cas[1].subject)->der, "X509 CRL"));
  const auto verified = run_shell("openssl verify -x509_strict -crl_check_all -CRLfile " + lists + " -CAfile " + root +
                                  " -untrusted " + issuing + " " + file(ca, "leaf.pem", issued.certificate.pem));
  CHECK_MESSAGE(verified.exit == 0, verified.output);
}

TEST_CASE("the issuing key is sealed, and the root key too unless it is kept in a file") {
  const Secret passphrase("a passphrase of its own");
  auto plan = test::ca_plan();
  plan.root = LocalCaPlan::Root::sealed_own_passphrase;
  LocalCa ca(plan, &passphrase);
  CHECK(ca.made.root_key_pem.empty());
  CHECK(list_cas(*ca.database)[1].root_key == "sealed-own-passphrase");
  const std::string issuer_id = active_ca(*ca.database).issuer_id;
  CHECK(open_sealed_secrets(*ca.database, ca.data_key)->version("ca/" + issuer_id + "/key") == 1);
  CHECK_CODE(rotate_issuing_ca(*ca.database, ca.data_key, {}), Code::root_key_missing);
  const Secret wrong("another passphrase");
  CHECK_CODE(rotate_issuing_ca(*ca.database, ca.data_key, {&wrong, nullptr}), Code::wrong_password);
  CHECK(active_ca(*ca.database).issuer_id == issuer_id);
  const CaInfo second = rotate_issuing_ca(*ca.database, ca.data_key, {&passphrase, nullptr});
  CHECK(second.name == "Test Issuing CA 2");
  const auto cas = list_cas(*ca.database);
  REQUIRE(cas.size() == 3);
  CHECK(std::count_if(cas.begin(), cas.end(), [](const CaInfo& c) { return c.status == "retired"; }) == 1);
  CHECK(ca.issue("a.example").ca_name == "Test Issuing CA 2");
  const Certificate root = parse_certificate(ca.made.root_pem);
  CHECK(check_chain(ca.issue("b.example").certificate, {&*second.certificate, 1}, {&root, 1}, now()).empty());
}

TEST_CASE("the signer refuses what OpenSSL would not verify under the CA's name constraints, and nothing else") {
  auto plan = test::ca_plan();
  plan.constraints.permitted = {{SanKind::dns, "example.com"},    {SanKind::ip, "10.0.0.0/9"},
                                {SanKind::ip, "2001:db8::/33"},   {SanKind::email, "example.com"},
                                {SanKind::email, ".example.net"}, {SanKind::uri, "example.com"}};
  const LocalCa ca(plan);
  const ca::IssuerRow row = ca::active_row(*ca.database);
  const Certificate issuing = parse_certificate(row.certificate), root = parse_certificate(ca.made.root_pem);
  // Signs anything: the key without the signer's checks.
  const Issuer careless(issuing, PrivateKey::from_pkcs8(ca::issuing_key(*ca.database, ca.data_key, row)));
  const auto signer = ca.authority().open_signer();
  int refused = 0;
  for (const char* text : {"dns:example.com",
                           "dns:a.b.example.com",
                           "dns:*.example.com",
                           "dns:badexample.com",
                           "dns:example.org",
                           "dns:example.com.org",
                           "ip:10.127.255.255",
                           "ip:10.128.0.0",
                           "ip:192.0.2.1",
                           "ip:2001:db8:7fff::1",
                           "ip:2001:db8:8000::1",
                           "email:a@example.com",
                           "email:a@mail.example.com",
                           "email:a@example.net",
                           "email:a@mail.example.net",
                           "email:a@example.org",
                           "uri:https://example.com/a",
                           "uri:https://example.com:1/a",
                           "uri:https://www.example.com/a",
                           "uri:https://example.org/a"}) {
    CAPTURE(text);
    PlannedCertificate planned = test::planned({parse_san(text)});
    planned.names.common_name = "a name";
    const Csr csr = parse_csr(make_csr(ca.key, planned.names).bytes);
    const Der anyway = careless.sign(ca.key.public_key().spki, planned, {});
    const std::string fault = check_chain(parse_certificate(anyway.bytes), {&issuing, 1}, {&root, 1}, now());
    const auto error = thrown([&] { signer->sign({csr, planned}); });
    CHECK_MESSAGE(error.has_value() == !fault.empty(), fault);
    if (error) CHECK(error->code() == Code::ca_refused);
    refused += error.has_value() ? 1 : 0;
  }
  CHECK(refused == 11);
}

TEST_CASE("a root key in a file is asked for, and another one does not fit") {
  LocalCa ca;
  CHECK_CODE(rotate_issuing_ca(*ca.database, ca.data_key, {}), Code::root_key_missing);
  const auto missing = thrown([&] { sign_root_crl(*ca.database, {}, ca.folder()); });
  REQUIRE(missing);
  CHECK(missing->code() == Code::root_key_missing);
  CHECK(missing->hint().find("--root-key") != std::string::npos);
  const Secret other = PrivateKey::generate(KeyAlgorithm::ec_p256).pem();
  CHECK_CODE(rotate_issuing_ca(*ca.database, ca.data_key, {nullptr, &other}), Code::pair_mismatch);
  CHECK(rotate_issuing_ca(*ca.database, ca.data_key, ca.root_key()).status == "active");
}

TEST_CASE("an issuing CA never outlives its root") {
  test::TestClock clock(parse_time("2026-03-15T12:00:00Z"));
  auto plan = test::ca_plan();
  plan.root_life = std::chrono::days(100);
  plan.issuing_life = std::chrono::days(60);
  LocalCa ca(plan);
  clock.go(std::chrono::days(50));
  const CaInfo second = rotate_issuing_ca(*ca.database, ca.data_key, ca.root_key());
  CHECK(second.certificate->not_after == parse_certificate(ca.made.root_pem).not_after);
  clock.go(std::chrono::days(50));
  CHECK_CODE(rotate_issuing_ca(*ca.database, ca.data_key, ca.root_key()), Code::ca_expired);
}

TEST_CASE("a CA's name must fit into a certificate") {
  for (const char* name : {"", "a name of more than forty characters in all", "bell\a"}) {
    CAPTURE(name);
    auto plan = test::ca_plan();
    plan.name = name;
    CHECK_CODE(LocalCa(plan), Code::name_invalid);
  }
}

/// A profile whose root is outside: OpenSSL's command line signs.
struct OutsideRoot {
  OutsideRoot() : ca(outside_plan()) {
    file(ca, "ca.csr", ca.made.csr_pem);
    file(ca, "ca.cnf",
         "[req]\ndistinguished_name=dn\n[dn]\n[root]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,"
         "cRLSign\nsubjectKeyIdentifier=hash\n[good]\nbasicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,"
         "keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n[deep]\nbasicConstraints="
         "critical,CA:TRUE,pathlen:1\nkeyUsage=critical,keyCertSign,cRLSign\n[leaf]\nbasicConstraints=CA:FALSE\n[nocrl]"
         "\n"
         "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign\n");
    run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout root.key -out root.pem -days "
        "3650 "
        "-subj '/O=Outside/CN=Outside Root' -config ca.cnf -extensions root");
  }
  static LocalCaPlan outside_plan() {
    auto plan = test::ca_plan();
    plan.root = LocalCaPlan::Root::outside;
    return plan;
  }
  void run(const std::string& command) const {
    const auto ran = run_shell("cd " + ca.database.folder() + " && " + command);
    CHECK_MESSAGE(ran.exit == 0, ran.output);
  }
  std::string signed_as(const std::string& extensions) const {
    run("openssl x509 -req -in ca.csr -CA root.pem -CAkey root.key -days 365 -out ca.pem -extfile ca.cnf -extensions " +
        extensions);
    return read_file(ca.database.folder() + "/ca.pem");
  }
  std::string root() const { return read_file(ca.database.folder() + "/root.pem"); }
  LocalCa ca;
};

TEST_CASE("the answer of an outside root makes the pending CA sign") {
  OutsideRoot outside;
  LocalCa& ca = outside.ca;
  const auto pending = list_cas(*ca.database);
  REQUIRE(pending.size() == 1);
  CHECK(pending[0].status == "pending");
  CHECK(pending[0].csr == ca.made.csr_pem);
  CHECK_CODE(ca.authority().open_signer(), Code::ca_not_ready);
  CHECK_CODE(active_ca(*ca.database), Code::ca_not_ready);
  CHECK_CODE(rotate_issuing_ca(*ca.database, ca.data_key, {}), Code::root_key_missing);
  CHECK(ca.authority().refresh_crls(true).empty());

  const CaInfo info = import_issuing_ca(*ca.database, outside.root() + outside.signed_as("good"));
  CHECK(info.status == "active");
  CHECK(info.chain.size() == 1);
  CHECK(list_cas(*ca.database).size() == 2);
  CHECK(list_cas(*ca.database).front().root_key == "outside");
  const Certificate root = parse_certificate(outside.root());
  CHECK(check_chain(ca.issue("a.example").certificate, {&*info.certificate, 1}, {&root, 1}, now()).empty());
  CHECK(ca.authority().refresh_crls(true).size() == 1);
  CHECK_CODE(sign_root_crl(*ca.database, {}, ca.folder()), Code::root_key_missing);

  // A renewed certificate for the same key takes its place.
  const CaInfo renewed = import_issuing_ca(*ca.database, outside.signed_as("good") + outside.root());
  CHECK(renewed.issuer_id == info.issuer_id);
  CHECK(renewed.certificate->serial != info.certificate->serial);
  CHECK(list_cas(*ca.database).size() == 2);
}

TEST_CASE("a wrong answer is refused and changes nothing") {
  OutsideRoot outside;
  const LocalCa& ca = outside.ca;
  sql::Connection& db = *ca.database;
  const std::string good = outside.signed_as("good");
  CHECK_CODE(import_issuing_ca(db, good), Code::certificate_invalid);
  CHECK_CODE(import_issuing_ca(db, outside.root()), Code::pair_mismatch);
  CHECK_CODE(import_issuing_ca(db, outside.signed_as("deep") + outside.root()), Code::certificate_invalid);
  CHECK_CODE(import_issuing_ca(db, outside.signed_as("leaf") + outside.root()), Code::certificate_invalid);
  CHECK_CODE(import_issuing_ca(db, outside.signed_as("nocrl") + outside.root()), Code::certificate_invalid);
  CHECK_CODE(import_issuing_ca(db, "nothing"), Code::certificate_invalid);
  {
    const test::TestClock later(now() + std::chrono::days(400));
    CHECK_CODE(import_issuing_ca(db, good + outside.root()), Code::certificate_invalid);
  }
  // A root of the same name with another key.
  outside.run(
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout other.key -out root.pem "
      "-days 3650 -subj '/O=Outside/CN=Outside Root' -config ca.cnf -extensions root");
  CHECK_CODE(import_issuing_ca(db, good + outside.root()), Code::certificate_invalid);
  CHECK(list_cas(db).front().status == "pending");
  CHECK(list_cas(db).size() == 1);
}

TEST_CASE("URLs name their CA where they have a place for it") {
  const CertificateUrls urls{{"http://a/{issuer}/{issuer}.crl", "http://a/crl"}, {}, {"http://a/ca/{issuer}.crt"}};
  const CertificateUrls named = ca::urls_of(urls, "ca-{issuer}-1");
  CHECK(named.crl == std::vector<std::string>{"http://a/ca-{issuer}-1/ca-{issuer}-1.crl", "http://a/crl"});
  CHECK(named.issuer == std::vector<std::string>{"http://a/ca/ca-{issuer}-1.crt"});
}

}  // namespace
