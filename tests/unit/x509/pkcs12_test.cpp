#include "unit/x509/pki.hpp"

using namespace ymgr;
using namespace ymgr::test;

TEST_CASE("openssl pkcs12 reads what make_pkcs12 writes") {
  const Pki pki;
  const Folder folder;
  for (const auto algorithm : {KeyAlgorithm::rsa_2048, KeyAlgorithm::ec_p256, KeyAlgorithm::ed25519}) {
    CAPTURE(to_string(algorithm));
    const auto key = PrivateKey::generate(algorithm);
    const auto leaf = pki.issue(key.public_key(), plan_for("a.example"));
    const auto file =
        folder.put("a.p12", make_pkcs12(key, leaf, pki.intermediates(), Secret("p\xC3\xA4ss word"), "a.example"));
    folder.put("pass", "p\xC3\xA4ss word\n");
    const auto ran = run("openssl pkcs12 -info -noenc -passin file:" + folder.path("pass") + " -in " + file);
    CHECK(ran.status == 0);
    CHECK(ran.output.find("MAC: sha256, Iteration 100000") != std::string::npos);
    CHECK(ran.output.find("PBES2, PBKDF2, AES-256-CBC, Iteration 100000, PRF hmacWithSHA256") != std::string::npos);
    CHECK(ran.output.find("friendlyName: a.example") != std::string::npos);
    CHECK(ran.output.find(key.pem().reveal()) != std::string::npos);
    const auto certificates = parse_pem_chain(ran.output);
    REQUIRE(certificates.size() == 2);
    CHECK(certificates[0].der == leaf.der);
    CHECK(certificates[1].der == pki.ca.certificate().der);
    CHECK(run("openssl pkcs12 -noenc -passin pass:wrong -in " + file).status != 0);
  }
}

TEST_CASE("a key of another certificate is not packed") {
  const Pki pki;
  CHECK_CODE(make_pkcs12(pki.root.key(), pki.ca.certificate(), {}, Secret("x"), ""), Code::pair_mismatch);
  CHECK_CODE(make_pkcs12(pki.ca.key(), pki.ca.certificate(), {}, Secret(std::string_view("a\0b", 3)), ""), Code::usage);
}
