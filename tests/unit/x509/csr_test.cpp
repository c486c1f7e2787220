#include "unit/x509/pki.hpp"
#include "x509/der.hpp"
#include "x509/openssl.hpp"

using namespace ymgr;
using namespace ymgr::test;

namespace {

/// A request by openssl: `subject` and lines of its [ext] section.
Ran request(const Folder& folder, const std::string& subject, const std::string& extensions,
            const std::string& key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256") {
  const auto config = folder.put("req.cnf", "[req]\ndistinguished_name=dn\n" +
                                                std::string(extensions.empty() ? "" : "req_extensions=ext\n") +
                                                "[dn]\n[ext]\n" + extensions + "\n[other]\nCN=x\n");
  return run("openssl req -new -utf8 -nodes -keyout " + folder.path("key") + " " + key + " -subj '" + subject +
             "' -config " + config + " -out " + folder.path("csr"));
}

std::string sans(const Csr& csr) {
  std::string text;
  for (const auto& san : csr.sans) text += to_string(san) + " ";
  return text;
}

}  // namespace

TEST_CASE("a request carries common name, alternative names and key") {
  const Folder folder;
  for (const auto algorithm :
       {KeyAlgorithm::rsa_2048, KeyAlgorithm::ec_p256, KeyAlgorithm::ec_p384, KeyAlgorithm::ed25519}) {
    CAPTURE(to_string(algorithm));
    const auto key = PrivateKey::generate(algorithm);
    const RequestedNames names{"a.example",
                               {parse_san("dns:a.example"), parse_san("ip:::1"), parse_san("email:a@b.example"),
                                parse_san("uri:urn:x:y"), parse_san("upn:a@corp.example")}};
    const Der der = make_csr(key, names);
    for (const auto& text :
         {der.bytes, to_pem(der, "CERTIFICATE REQUEST"), "intro\n" + to_pem(der, "NEW CERTIFICATE REQUEST")}) {
      const Csr csr = parse_csr(text);
      CHECK(csr.der == der);
      CHECK(csr.common_name == "a.example");
      CHECK(csr.subject == "CN=a.example");
      CHECK(csr.sans == names.sans);
      CHECK(csr.key.spki == key.public_key().spki);
      CHECK(csr.key.algorithm == algorithm);
    }
    const auto ran = run("openssl req -inform DER -noout -verify -text -in " + folder.put("csr", der.bytes));
    CHECK(ran.status == 0);
    CHECK(ran.output.find("DNS:a.example, IP Address:0:0:0:0:0:0:0:1, email:a@b.example, URI:urn:x:y, othername: "
                          "UPN::a@corp.example") != std::string::npos);
  }
}

TEST_CASE("a request without names is one") {
  const auto key = PrivateKey::generate(KeyAlgorithm::ed25519);
  const Csr csr = parse_csr(make_csr(key, {}).bytes);
  CHECK(csr.common_name == "");
  CHECK(csr.sans.empty());
}

TEST_CASE("requests of openssl are read, their names in normal form") {
  const Folder folder;
  REQUIRE(request(folder, "/O=Org/CN=J\xC3\xBCrgen",
                  "subjectAltName=DNS:A.Example,DNS:a.example,IP:10.0.0.1,email:x@Y.example,URI:https://a/b,"
                  "otherName:msUPN;UTF8:Jo@Corp.example")
              .status == 0);
  const Csr csr = parse_csr(folder.get("csr"));
  CHECK(csr.common_name == "J\xC3\xBCrgen");
  CHECK(csr.subject == "CN=J\xC3\xBCrgen,O=Org");
  CHECK(sans(csr) == "dns:a.example ip:10.0.0.1 email:x@y.example uri:https://a/b upn:Jo@corp.example ");
}

TEST_CASE("requests for wrong names are refused") {
  const Folder folder;
  struct Row {
    const char *subject, *extensions;
    Code want;
  };
  const Row rows[] = {
      {"/CN=a", "subjectAltName=DNS:a_b.example", Code::name_invalid},
      {"/CN=a", "subjectAltName=DNS:10.0.0.1", Code::name_invalid},
      {"/CN=a", "subjectAltName=RID:1.2.3.4", Code::name_invalid},
      {"/CN=a", "subjectAltName=otherName:1.2.3.4;UTF8:x", Code::name_invalid},
      {"/CN=a", "subjectAltName=otherName:msUPN;IA5:a@corp.example", Code::name_invalid},
      {"/CN=a", "subjectAltName=otherName:msUPN;UTF8:alice", Code::name_invalid},
      {"/CN=a", "subjectAltName=dirName:other", Code::name_invalid},
      {"/CN=a", "subjectAltName=DER:04:01:00", Code::csr_invalid},
      {"/CN=a", "subjectAltName=DER:30:03:87:01:00", Code::name_invalid},
      {"/CN=a\x01z", "", Code::name_invalid},
  };
  for (const auto& row : rows) {
    CAPTURE(row.extensions);
    REQUIRE(request(folder, row.subject, row.extensions).status == 0);
    CHECK_CODE(parse_csr(folder.get("csr")), row.want);
  }
}

TEST_CASE("weak and unknown keys of a request are seen") {
  const Folder folder;
  REQUIRE(request(folder, "/CN=a", "", "-newkey rsa:1024").status == 0);
  CHECK(parse_csr(folder.get("csr")).key.algorithm == std::nullopt);
  CHECK(parse_csr(folder.get("csr")).key.bits == 1024);
  REQUIRE(request(folder, "/CN=a", "", "-newkey rsa:2048 -pkeyopt rsa_keygen_pubexp:3").status == 0);
  CHECK_CODE(parse_csr(folder.get("csr")), Code::csr_invalid);
  REQUIRE(request(folder, "/CN=a", "", "-newkey ec -pkeyopt ec_paramgen_curve:P-521").status == 0);
  CHECK(parse_csr(folder.get("csr")).key.algorithm == std::nullopt);
}

TEST_CASE("a request that was changed or cut is refused") {
  const auto key = PrivateKey::generate(KeyAlgorithm::ec_p256);
  const std::string der = make_csr(key, {"abc.example", {}}).bytes;
  std::string changed = der;
  changed[der.find("abc.example")] = 'x';
  CHECK_CODE(parse_csr(changed), Code::csr_bad_signature);
  for (std::size_t i = 0; i < der.size(); i += 5) CHECK_CODE(parse_csr(der.substr(0, i)), Code::csr_invalid);
  CHECK_CODE(parse_csr(der + "x"), Code::csr_invalid);
  CHECK(thrown([&] { parse_csr(std::string(64 * 1024 + 1, '0')); })->what() ==
        std::string("the certificate request has more than 64 KiB"));
  CHECK(parse_csr(std::string(key.pem().reveal()) + to_pem({der}, "CERTIFICATE REQUEST")).der.bytes == der);
  CHECK_CODE(parse_csr(key.pem().reveal()), Code::csr_invalid);
  CHECK_CODE(parse_csr(root_for(key).pem), Code::csr_invalid);
  CHECK_CODE(parse_csr("hello"), Code::csr_invalid);
}

TEST_CASE("many requests stay in their order, and the first wrong one is told of") {
  const auto key = PrivateKey::generate(KeyAlgorithm::ec_p256);
  std::vector<std::string> ders;
  for (int i = 0; i < 100; ++i) ders.push_back(make_csr(key, {"n" + std::to_string(i) + ".example", {}}).bytes);
  std::vector<std::string_view> given(ders.begin(), ders.end());
  const auto csrs = parse_csrs(given, 3);
  REQUIRE(csrs.size() == 100);
  for (std::size_t i = 0; i < 100; ++i) CHECK(csrs[i].common_name == "n" + std::to_string(i) + ".example");
  CHECK(parse_csrs({}, 3).empty());
  ders[71].back() = static_cast<char>(ders[71].back() ^ 1);
  CHECK_CODE(parse_csrs(given, 3), Code::csr_bad_signature);
  for (const std::size_t worse : {98U, 70U}) given[worse] = "no request";
  CHECK_CODE(parse_csrs(given, 3), Code::csr_invalid);
  given[70] = ders[70];
  CHECK_CODE(parse_csrs(given, 3), Code::csr_bad_signature);
}

TEST_CASE("a common name of more than 64 characters is refused") {
  const auto key = PrivateKey::generate(KeyAlgorithm::ed25519);
  const auto with_name = [&](std::size_t length) {
    const auto name = der::sequence(der::tlv(
        der::set_tag, der::sequence(der::oid("2.5.4.3"), der::tlv(der::utf8_string, std::string(length, 'a')))));
    const auto info = der::sequence(der::integer(std::int64_t{0}), name, key.public_key().spki.bytes,
                                    der::tlv(der::constructed(0), ""));
    return ossl::signed_object(key, info);
  };
  CHECK(parse_csr(with_name(64)).common_name.size() == 64);
  CHECK_CODE(parse_csr(with_name(65)), Code::name_invalid);
}

TEST_CASE("a CA's request asks for what a root must grant") {
  const Folder folder;
  const auto key = PrivateKey::generate(KeyAlgorithm::ec_p384);
  const Der der = make_ca_csr(key, {"Issuing CA", "Org"}, {{parse_name_constraint("dns:example.com")}});
  CHECK(parse_csr(der.bytes).subject == "CN=Issuing CA,O=Org");
  const auto ran = run("openssl req -inform DER -noout -verify -text -in " + folder.put("csr", der.bytes));
  CHECK(ran.status == 0);
  for (const char* want :
       {"CA:TRUE, pathlen:0", "Certificate Sign, CRL Sign", "Permitted:", "DNS:example.com", "ecdsa-with-SHA384"}) {
    CAPTURE(want);
    CHECK(ran.output.find(want) != std::string::npos);
  }
}
