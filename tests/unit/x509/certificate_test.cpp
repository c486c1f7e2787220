#include "unit/x509/pki.hpp"

using namespace ymgr;
using namespace ymgr::test;

namespace {

constexpr KeyAlgorithm fast_algorithms[] = {KeyAlgorithm::rsa_2048, KeyAlgorithm::ec_p256, KeyAlgorithm::ec_p384,
                                            KeyAlgorithm::ed25519};

}  // namespace

TEST_CASE("an issued certificate says what was planned, and nothing else") {
  const CertificateUrls urls{
      {"http://a.example/ca.crl", "http://b.example/ca.crl"}, {"http://a.example/ocsp"}, {"http://a.example/ca.crt"}};
  const Pki pki;
  const PrivateKey key = PrivateKey::generate(KeyAlgorithm::rsa_2048);
  PlannedCertificate planned = plan(
      {"api.example.com",
       {parse_san("dns:api.example.com"), parse_san("ip:10.0.0.1"), parse_san("ip:2001:db8::1"),
        parse_san("email:a@example.com"), parse_san("uri:spiffe://example.com/a"), parse_san("upn:a@corp.example")}});
  planned.eku = {"serverAuth", "1.3.6.1.4.1.99999.1", "smartcardLogon", "id-PIV-cardAuth"};
  const Certificate got = pki.issue(key.public_key(), planned, urls);
  CHECK(got.serial == "4A:3F:2B");
  CHECK(got.subject == "CN=api.example.com");
  CHECK(got.issuer == "CN=Test Issuing CA,O=Test");
  CHECK(got.common_name == "api.example.com");
  CHECK(got.sans == planned.names.sans);
  CHECK(got.not_before == planned.not_before);
  CHECK(got.not_after == planned.not_after);
  CHECK(got.key.spki == key.public_key().spki);
  CHECK(got.key.algorithm == KeyAlgorithm::rsa_2048);
  CHECK(got.eku == planned.eku);
  CHECK(got.key_usage == planned.key_usage);
  CHECK_FALSE(got.is_ca);
  CHECK(got.path_length == std::nullopt);
  CHECK(got.subject_key_id.size() == 40);
  CHECK(got.authority_key_id == pki.ca.certificate().subject_key_id);
  CHECK(got.urls.crl == urls.crl);
  CHECK(got.urls.ocsp == urls.ocsp);
  CHECK(got.urls.issuer == urls.issuer);
  CHECK(got.fingerprint == sha256(got.der.bytes));
  CHECK(from_pem(got.pem, "CERTIFICATE") == got.der);
  CHECK(parse_certificate(got.pem).der == got.der);
}

TEST_CASE("authority certificates are marked as such") {
  const Pki pki;
  const auto &root = pki.root.certificate(), &ca = pki.ca.certificate();
  CHECK(root.is_ca);
  CHECK(root.subject == root.issuer);
  CHECK(root.path_length == std::nullopt);
  CHECK(root.key_usage == std::vector<std::string>{"keyCertSign", "cRLSign"});
  CHECK(root.authority_key_id.empty());
  CHECK(ca.is_ca);
  CHECK(ca.path_length == 0);
  CHECK(ca.key_usage == root.key_usage);
  CHECK(ca.issuer == root.subject);
  CHECK(ca.authority_key_id == root.subject_key_id);
  const auto signer_key = PrivateKey::generate(KeyAlgorithm::ec_p256);
  const auto signer = parse_certificate(make_ocsp_signer(pki.ca, signer_key.public_key(), "0A", begin, end).bytes);
  CHECK(signer.eku == std::vector<std::string>{"OCSPSigning"});
  CHECK(signer.key_usage == std::vector<std::string>{"digitalSignature"});
  CHECK_FALSE(signer.is_ca);
  const Folder folder;
  CHECK(run("openssl x509 -noout -ext noCheck -in " + folder.put("signer", signer.pem)).output.find("OCSP No Check") !=
        std::string::npos);
}

TEST_CASE("openssl verify -x509_strict accepts every kind of key at every place") {
  for (const auto algorithm : fast_algorithms) {
    const CertificateUrls urls{{"http://a.example/ca.crl"}, {"http://a.example/ocsp"}, {"http://a.example/ca.crt"}};
    const Pki pki(algorithm,
                  {{parse_name_constraint("dns:example.com"), parse_name_constraint("ip:10.0.0.0/8"),
                    parse_name_constraint("email:example.com")}},
                  urls);
    const Folder folder;
    const auto root = folder.put("root.pem", pki.root.certificate().pem),
               ca = folder.put("ca.pem", pki.ca.certificate().pem);
    for (const auto leaf_algorithm : fast_algorithms) {
      CAPTURE(to_string(algorithm));
      CAPTURE(to_string(leaf_algorithm));
      const auto key = PrivateKey::generate(leaf_algorithm);
      const auto leaf = pki.issue(
          key.public_key(),
          plan({"a.example.com",
                {parse_san("dns:a.example.com"), parse_san("ip:10.1.2.3"), parse_san("email:x@example.com")}}),
          urls);
      const auto ran = run("openssl verify -x509_strict -purpose sslserver -verify_hostname a.example.com" + attime() +
                           "-CAfile " + root + " -untrusted " + ca + " " + folder.put("leaf.pem", leaf.pem));
      CHECK(ran.output.ends_with("leaf.pem: OK\n"));
      CHECK(check_chain(leaf, pki.intermediates(), pki.roots(), at) == "");
    }
  }
}

TEST_CASE("the same plan gives the same bytes to sign") {
  const Pki pki(KeyAlgorithm::ed25519);
  const auto key = PrivateKey::generate(KeyAlgorithm::ec_p256);
  CHECK(pki.ca.sign(key.public_key().spki, plan_for("a.example"), {}) ==
        pki.ca.sign(key.public_key().spki, plan_for("a.example"), {}));
}

TEST_CASE("without a common name the alternative names are critical") {
  const Pki pki;
  const auto key = PrivateKey::generate(KeyAlgorithm::ec_p256);
  const Folder folder;
  const auto without = pki.issue(key.public_key(), plan({"", {parse_san("dns:a.example")}}));
  CHECK(without.subject == "");
  CHECK(run("openssl x509 -noout -ext subjectAltName -in " + folder.put("a", without.pem))
            .output.find("Name: critical") != std::string::npos);
  const auto with = pki.issue(key.public_key(), plan_for("a.example"));
  CHECK(run("openssl x509 -noout -ext subjectAltName -in " + folder.put("a", with.pem)).output.find("critical") ==
        std::string::npos);
}

TEST_CASE("a common name of more than 64 characters stays out of the subject") {
  const Pki pki;
  const auto key = PrivateKey::generate(KeyAlgorithm::ec_p256);
  const std::string longest = std::string(40, 'a') + "." + std::string(40, 'b') + ".example";
  const auto got = pki.issue(key.public_key(), plan_for(longest));
  CHECK(got.subject == "");
  CHECK(got.sans == std::vector{San{SanKind::dns, longest}});
  CHECK(pki.issue(key.public_key(), plan({std::string(64, 'a'), {}})).common_name == std::string(64, 'a'));
  CHECK(pki.issue(key.public_key(), plan({std::string(65, 'a'), {San{SanKind::dns, "a"}}})).common_name == "");
  const auto csr = parse_csr(make_csr(key, {longest, {San{SanKind::dns, longest}}}).bytes);
  CHECK(csr.common_name == "");
  CHECK(csr.sans == got.sans);
}

TEST_CASE("usages that a key can't have are left out") {
  const Pki pki;
  struct Row {
    KeyAlgorithm algorithm;
    std::vector<std::string> planned, want;
  };
  const Row rows[] = {
      {KeyAlgorithm::ec_p256, {"digitalSignature", "keyEncipherment"}, {"digitalSignature"}},
      {KeyAlgorithm::ec_p256, {"digitalSignature", "keyAgreement"}, {"digitalSignature", "keyAgreement"}},
      {KeyAlgorithm::ed25519, {"digitalSignature", "keyEncipherment", "keyAgreement"}, {"digitalSignature"}},
      {KeyAlgorithm::rsa_2048,
       {"digitalSignature", "keyEncipherment", "keyAgreement"},
       {"digitalSignature", "keyEncipherment"}},
      {KeyAlgorithm::rsa_2048, {}, {}},
  };
  for (const auto& row : rows) {
    const auto key = PrivateKey::generate(row.algorithm);
    PlannedCertificate planned = plan_for("a.example");
    planned.key_usage = row.planned;
    CHECK(pki.issue(key.public_key(), planned).key_usage == row.want);
  }
  const auto key = PrivateKey::generate(KeyAlgorithm::ec_p256);
  PlannedCertificate planned = plan_for("a.example");
  planned.key_usage = {"keyEncipherment"};
  CHECK_CODE(pki.issue(key.public_key(), planned), Code::certificate_invalid);
  planned.key_usage = {"signing"};
  CHECK_CODE(pki.issue(key.public_key(), planned), Code::certificate_invalid);
  planned = plan_for("a.example");
  planned.eku = {"server"};
  CHECK_CODE(pki.issue(key.public_key(), planned), Code::certificate_invalid);
}

TEST_CASE("what can't stand in a certificate is refused before anything is signed") {
  const Pki pki;
  const auto key = PrivateKey::generate(KeyAlgorithm::ec_p256);
  PlannedCertificate planned = plan_for("a.example");
  for (const char* serial : {"", "00", "xyz", "0102030405060708090a0b0c0d0e0f101112131415"}) {
    planned.serial = serial;
    CHECK_CODE(pki.issue(key.public_key(), planned), Code::certificate_invalid);
  }
  planned = plan_for("a.example");
  planned.not_after = planned.not_before;
  CHECK_CODE(pki.issue(key.public_key(), planned), Code::time_invalid);
  planned.not_after = parse_time("9999-12-31T23:59:59Z") + std::chrono::seconds(1);
  CHECK_CODE(pki.issue(key.public_key(), planned), Code::time_invalid);
  CHECK_CODE(Issuer(pki.ca.certificate(), PrivateKey::generate(KeyAlgorithm::ec_p256)), Code::pair_mismatch);
}

TEST_CASE("times up to 2049 and after are read back as planned") {
  const Pki pki;
  const auto key = PrivateKey::generate(KeyAlgorithm::ec_p256);
  for (const char* text : {"2026-03-01T00:00:01Z", "2049-12-31T23:59:59Z", "2050-01-01T00:00:00Z",
                           "2106-02-07T06:28:16Z", "9999-12-31T23:59:59Z"}) {
    CAPTURE(text);
    PlannedCertificate planned = plan_for("a.example");
    planned.not_after = parse_time(text);
    const auto got = pki.issue(key.public_key(), planned);
    CHECK(format_time(got.not_after) == text);
    const Folder folder;
    const bool generalized = std::string_view(text) >= "2050";
    CHECK((run("openssl asn1parse -in " + folder.put("a", got.pem)).output.find("GENERALIZEDTIME") !=
           std::string::npos) == generalized);
  }
}

TEST_CASE("a serial number with its first bit set stays positive") {
  const Pki pki;
  const auto key = PrivateKey::generate(KeyAlgorithm::ec_p256);
  PlannedCertificate planned = plan_for("a.example");
  planned.serial = "ff:01";
  CHECK(pki.issue(key.public_key(), planned).serial == "FF:01");
}

TEST_CASE("input that is no certificate is refused") {
  const Pki pki;
  const auto& ca = pki.ca.certificate();
  CHECK_CODE(parse_certificate(""), Code::certificate_invalid);
  CHECK_CODE(parse_certificate("hello"), Code::certificate_invalid);
  CHECK_CODE(parse_certificate("\x30\x82\xff\xff"), Code::certificate_invalid);
  CHECK_CODE(parse_certificate(ca.der.bytes + "x"), Code::certificate_invalid);
  CHECK_CODE(parse_certificate(ca.pem + ca.pem), Code::certificate_invalid);
  CHECK_CODE(parse_certificate(ca.der.bytes + std::string(70000, 'x')), Code::certificate_invalid);
  for (std::size_t i = 0; i < ca.der.bytes.size(); i += 7)
    CHECK_CODE(parse_certificate(ca.der.bytes.substr(0, i)), Code::certificate_invalid);
  CHECK(parse_pem_chain("text before\n" + ca.pem + "between\n" + ca.pem).size() == 2);
  std::string many;
  for (int i = 0; i < 20; ++i) many += ca.pem;
  CHECK(parse_pem_chain(many).size() == 20);
  CHECK_CODE(parse_pem_chain(many + ca.pem), Code::certificate_invalid);
  CHECK_CODE(parse_pem_chain(""), Code::certificate_invalid);
}

TEST_CASE("a certificate whose public key can't be read is refused") {
  const Pki pki(KeyAlgorithm::rsa_2048);
  std::string der = pki.ca.certificate().der.bytes;
  const auto key = der.find(pki.ca.key().public_key().spki.bytes);
  REQUIRE(key != std::string::npos);
  der[key + 24] = 0x55;  // the tag of RSAPublicKey
  CHECK_CODE(parse_certificate(der), Code::certificate_invalid);
}

TEST_CASE("a certificate with a wrong extension or serial number is refused") {
  for (const char* name : {"broken-san.der", "broken-ku.der", "negative-serial.pem"}) {
    CAPTURE(name);
    CHECK_CODE(parse_certificate(read_file(std::string(YMGR_SOURCE_DIR "/tests/fuzz/corpus/certificate/") + name)),
               Code::certificate_invalid);
  }
  const Pki pki;
  std::string der = pki.ca.certificate().der.bytes;
  const auto constraints = der.find(std::string_view("\x30\x06\x01\x01\xFF\x02\x01\x00", 8));
  REQUIRE(constraints != std::string::npos);
  der[constraints + 7] = static_cast<char>(0xFF);  // path length -1
  CHECK_CODE(parse_certificate(der), Code::certificate_invalid);
}

TEST_CASE("a pair is a certificate and the key it names") {
  const Pki pki;
  CHECK(is_pair(pki.ca.certificate(), pki.ca.key()));
  CHECK_FALSE(is_pair(pki.ca.certificate(), pki.root.key()));
  CHECK_FALSE(is_pair(pki.root.certificate(), pki.ca.key().public_key()));
}
