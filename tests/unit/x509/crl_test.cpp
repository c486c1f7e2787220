#include "unit/x509/pki.hpp"
#include "x509/revocation.hpp"

using namespace ymgr;
using namespace ymgr::test;

namespace {

const Time next = at + std::chrono::hours(24 * 7);

std::vector<RevokedEntry> some_entries() {
  return {{"4A:3F:2B", begin + std::chrono::hours(1), Reason::key_compromise, begin},
          {"01", at, Reason::unspecified, {}},
          {"FF:00:00:00:00:00:00:00:00:00:00:00:00:00:00:01", at, Reason::certificate_hold, {}},
          {"10", at, Reason::aa_compromise, {}}};
}

}  // namespace

TEST_CASE("a revocation list is read back as it was made") {
  for (const auto algorithm :
       {KeyAlgorithm::rsa_2048, KeyAlgorithm::ec_p256, KeyAlgorithm::ec_p384, KeyAlgorithm::ed25519}) {
    CAPTURE(to_string(algorithm));
    const Pki pki(algorithm);
    const Der der = make_crl(pki.ca, 1769900000, at, next, some_entries());
    for (const auto& text : {der.bytes, to_pem(der, "X509 CRL")}) {
      const Crl crl = parse_crl(text, &pki.ca.certificate());
      CHECK(crl.der == der);
      CHECK(crl.issuer == pki.ca.certificate().subject);
      CHECK(crl.number == 1769900000);
      CHECK(crl.this_update == at);
      CHECK(crl.next_update == next);
      REQUIRE(crl.entries.size() == 4);
      for (std::size_t i = 0; i < 4; ++i) {
        const auto want = some_entries()[i];
        CHECK(crl.entries[i].serial == want.serial);
        CHECK(crl.entries[i].revoked_at == want.revoked_at);
        CHECK(crl.entries[i].reason == want.reason);
        CHECK(crl.entries[i].invalidity_date == want.invalidity_date);
      }
      CHECK(crl.find("10") == &crl.entries[3]);
      CHECK(crl.find("11") == nullptr);
    }
  }
}

TEST_CASE("openssl accepts the list and refuses what it names") {
  for (const auto algorithm : {KeyAlgorithm::rsa_2048, KeyAlgorithm::ec_p384, KeyAlgorithm::ed25519}) {
    CAPTURE(to_string(algorithm));
    const Pki pki(algorithm);
    const Folder folder;
    const auto key = PrivateKey::generate(KeyAlgorithm::ec_p256);
    auto planned = plan_for("a.example");
    const auto revoked = folder.put("revoked", pki.issue(key.public_key(), planned).pem);
    planned.serial = "4A:3F:2C";
    const auto good = folder.put("good", pki.issue(key.public_key(), planned).pem);
    const auto crl = folder.put("crl", to_pem(make_crl(pki.ca, 7, at, next, some_entries()), "X509 CRL"));
    const auto ca = folder.put("ca", pki.ca.certificate().pem);
    const auto all = folder.put("all", pki.root.certificate().pem);
    CHECK(run("openssl crl -noout -CAfile " + ca + " -in " + crl).output == "verify OK\n");
    const std::string verify = "openssl verify -x509_strict -crl_check" + attime() + "-CRLfile " + crl +
                               " -untrusted " + ca + " -CAfile " + all + " ";
    CHECK(run(verify + good).output.ends_with("good: OK\n"));
    CHECK(run(verify + revoked).output.find("certificate revoked") != std::string::npos);
    const auto text = run("openssl crl -noout -text -in " + crl).output;
    for (const char* want : {"Version 2", "X509v3 CRL Number: \n                7", "Key Compromise", "Invalidity Date",
                             "Certificate Hold", "AA Compromise"}) {
      CAPTURE(want);
      CHECK(text.find(want) != std::string::npos);
    }
  }
}

TEST_CASE("an empty list is one") {
  const Pki pki;
  const Crl crl = parse_crl(make_crl(pki.ca, 1, at, next, {}).bytes, &pki.ca.certificate());
  CHECK(crl.entries.empty());
  const Folder folder;
  CHECK(run("openssl crl -inform DER -noout -text -in " + folder.put("crl", crl.der.bytes))
            .output.find("No Revoked Certificates") != std::string::npos);
}

TEST_CASE("lists of others, changed and cut ones are refused") {
  const Pki pki, other;
  const Der der = make_crl(pki.ca, 1, at, next, some_entries());
  CHECK_CODE(parse_crl(der.bytes, &other.ca.certificate()), Code::crl_invalid);
  CHECK_CODE(parse_crl(der.bytes, &pki.root.certificate()), Code::crl_invalid);
  CHECK(parse_crl(der.bytes, nullptr).entries.size() == 4);
  std::string changed = der.bytes;
  changed[changed.find("\x4A\x3F\x2B")] ^= 1;
  CHECK_CODE(parse_crl(changed, &pki.ca.certificate()), Code::crl_invalid);
  const auto renamed = parse_certificate(make_root(pki.ca.key(), {"Another name", ""}, "09", begin, end).bytes);
  CHECK_CODE(parse_crl(der.bytes, &renamed), Code::crl_invalid);
  for (const char reason : {'\x07', '\x08', '\x0B'}) {
    std::string wrong = der.bytes;
    const auto at_reason = wrong.find(std::string_view("\x0A\x01\x01", 3));
    REQUIRE(at_reason != std::string::npos);
    wrong[at_reason + 2] = reason;
    CHECK_CODE(parse_crl(wrong, nullptr), Code::crl_invalid);
  }
  for (std::size_t i = 0; i < der.bytes.size(); i += 7)
    CHECK_CODE(parse_crl(der.bytes.substr(0, i), nullptr), Code::crl_invalid);
  CHECK_CODE(parse_crl(der.bytes + "x", nullptr), Code::crl_invalid);
  CHECK_CODE(parse_crl(pki.ca.certificate().pem, nullptr), Code::crl_invalid);
  CHECK_CODE(parse_crl("", nullptr), Code::crl_invalid);
}

TEST_CASE("what does not belong into a list is not put there") {
  const Pki pki;
  CHECK_CODE(make_crl(pki.ca, 1, at, at, {}), Code::time_invalid);
  CHECK_CODE(make_crl(pki.ca, 1, at, next, {{"01", at, Reason::remove_from_crl, {}}}), Code::reason_invalid);
  CHECK_CODE(make_crl(pki.ca, 1, at, next, {{"zz", at, Reason::unspecified, {}}}), Code::certificate_invalid);
}

TEST_CASE("delta and partial lists of openssl are refused") {
  const Folder folder;
  const Pki pki;
  folder.put("key", pki.ca.key().pem().reveal());
  folder.put("ca", pki.ca.certificate().pem);
  folder.put("index", "");
  folder.put("number", "01\n");
  for (const char* extension :
       {"issuingDistributionPoint=critical,onlyuser:TRUE", "2.5.29.27=critical,ASN1:INTEGER:1"}) {
    CAPTURE(extension);
    folder.put("cnf", "[ca]\ndefault_ca=d\n[d]\ndatabase=" + folder.path("index") + "\ncrlnumber=" +
                          folder.path("number") + "\ndefault_md=sha256\ncrl_extensions=e\n[e]\n" + extension + "\n");
    const auto ran = run("openssl ca -gencrl -config " + folder.path("cnf") + " -crldays 7 -keyfile " +
                         folder.path("key") + " -cert " + folder.path("ca") + " -out " + folder.path("crl"));
    REQUIRE(ran.status == 0);
    CHECK_CODE(parse_crl(folder.get("crl"), &pki.ca.certificate()), Code::crl_invalid);
  }
}
