#include <thread>

#include "unit/x509/pki.hpp"

using namespace ymgr;
using namespace ymgr::test;

namespace {

/// "genrsa 2048" with its -out.
std::string new_key(const std::string& command, const Folder& folder) {
  const auto blank = std::min(command.find(' '), command.size());
  return "openssl " + command.substr(0, blank) + " -out " + folder.path("key") + command.substr(blank);
}

}  // namespace

TEST_CASE("every kind of key goes out and comes back as the same pair") {
  for (const auto name : key_algorithm_names()) {
    CAPTURE(name);
    const auto algorithm = *parse_key_algorithm(name);
    const auto key = PrivateKey::generate(algorithm);
    CHECK(key.public_key().algorithm == algorithm);
    CHECK(key.public_key().family == key_family(algorithm));
    CHECK(key.public_key().bits == key_bits(algorithm));
    CHECK(key.public_key().sha256 == sha256(key.public_key().spki.bytes));
    const auto from_der = PrivateKey::from_pkcs8(key.pkcs8()), from_pem = PrivateKey::from_pem(key.pem());
    CHECK(from_der.public_key().spki == key.public_key().spki);
    CHECK(from_pem.public_key().spki == key.public_key().spki);
    CHECK(from_pem.pkcs8().reveal() == key.pkcs8().reveal());
    const auto parsed = parse_public_key(key.public_key().spki);
    CHECK(parsed.algorithm == algorithm);
    CHECK(parsed.sha256 == key.public_key().sha256);
    // It signs: the request's signature is checked by parse_csr.
    CHECK(parse_csr(make_csr(from_der, {"a.example", {}}).bytes).key.algorithm == algorithm);
  }
}

TEST_CASE("openssl writes the same bytes for a key") {
  const Folder folder;
  for (const auto algorithm :
       {KeyAlgorithm::rsa_2048, KeyAlgorithm::ec_p256, KeyAlgorithm::ec_p384, KeyAlgorithm::ed25519}) {
    CAPTURE(to_string(algorithm));
    const auto key = PrivateKey::generate(algorithm);
    const auto file = folder.put("key.pem", key.pem().reveal());
    CHECK(run("openssl pkey -in " + file).output == key.pem().reveal());
    CHECK(run("openssl pkcs8 -topk8 -nocrypt -in " + file + " -outform DER").output == key.pkcs8().reveal());
    CHECK(run("openssl pkey -in " + file + " -pubout -outform DER").output == key.public_key().spki.bytes);
    CHECK(run("openssl pkey -in " + file + " -check -noout").output == "Key is valid\n");
  }
}

TEST_CASE("keys of openssl are read in PKCS#8, PKCS#1 and SEC1") {
  const Folder folder;
  struct Row {
    const char* command;
    KeyAlgorithm want;
  };
  const Row rows[] = {{"genrsa 2048", KeyAlgorithm::rsa_2048},
                      {"genrsa -traditional 3072", KeyAlgorithm::rsa_3072},
                      {"ecparam -genkey -name prime256v1", KeyAlgorithm::ec_p256},
                      {"ecparam -genkey -noout -name secp384r1", KeyAlgorithm::ec_p384},
                      {"genpkey -algorithm ED25519", KeyAlgorithm::ed25519}};
  for (const auto& row : rows) {
    CAPTURE(row.command);
    const auto ran = run(new_key(row.command, folder));
    REQUIRE(ran.status == 0);
    CHECK(PrivateKey::from_pem(Secret(folder.get("key"))).public_key().algorithm == row.want);
  }
}

TEST_CASE("keys that are none of ours are refused") {
  const Folder folder;
  const char* commands[] = {"genrsa 1024",
                            "ecparam -genkey -noout -name secp521r1",
                            "ecparam -genkey -noout -name prime256v1 -param_enc explicit",
                            "genpkey -algorithm X25519",
                            "genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048",
                            "genpkey -algorithm ED448"};
  for (const char* command : commands) {
    CAPTURE(command);
    REQUIRE(run(new_key(command, folder)).status == 0);
    CHECK_CODE(PrivateKey::from_pem(Secret(folder.get("key"))), Code::key_invalid);
  }
  REQUIRE(run("openssl genpkey -algorithm ED25519 -aes256 -pass pass:secret -out " + folder.path("key")).status == 0);
  CHECK_CODE(PrivateKey::from_pem(Secret(folder.get("key"))), Code::key_invalid);
  CHECK_CODE(PrivateKey::from_pem(Secret("")), Code::key_invalid);
  CHECK_CODE(PrivateKey::from_pem(Secret("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")),
             Code::key_invalid);
  CHECK_CODE(PrivateKey::from_pkcs8(Secret("")), Code::key_invalid);
}

TEST_CASE("damaged keys are refused") {
  const auto key = PrivateKey::generate(KeyAlgorithm::ec_p256);
  std::string der(key.pkcs8().reveal());
  for (std::size_t i = 0; i < der.size(); i += 5)
    CHECK_CODE(PrivateKey::from_pkcs8(Secret(der.substr(0, i))), Code::key_invalid);
  CHECK_CODE(PrivateKey::from_pkcs8(Secret(der + "x")), Code::key_invalid);
  der.back() = static_cast<char>(der.back() ^ 1);  // a point beside the curve
  CHECK_CODE(PrivateKey::from_pkcs8(Secret(der)), Code::key_invalid);
  std::string spki = key.public_key().spki.bytes;
  spki.back() = static_cast<char>(spki.back() ^ 1);
  CHECK_CODE(parse_public_key({spki}), Code::key_invalid);
  std::string hybrid = key.public_key().spki.bytes;
  hybrid[26] = static_cast<char>(6 + (hybrid.back() & 1));
  CHECK(parse_public_key({hybrid}).algorithm == std::nullopt);
  der = key.pkcs8().reveal();
  der[der.size() - 65] = hybrid[26];
  CHECK_CODE(PrivateKey::from_pkcs8(Secret(der)), Code::key_invalid);
  CHECK_CODE(parse_public_key({spki + "x"}), Code::key_invalid);
  CHECK_CODE(parse_public_key({""}), Code::key_invalid);
}

TEST_CASE("a foreign public key is described without an algorithm") {
  const Folder folder;
  struct Row {
    const char *command, *family;
    int bits;
  };
  const Row rows[] = {{"genrsa 1024", "RSA", 1024},
                      {"ecparam -genkey -noout -name secp521r1", "EC", 521},
                      {"genpkey -algorithm ED448", "ED448", 456}};
  for (const auto& row : rows) {
    CAPTURE(row.command);
    REQUIRE(run(new_key(row.command, folder)).status == 0);
    const auto key = parse_public_key({run("openssl pkey -pubout -outform DER -in " + folder.path("key")).output});
    CHECK(key.algorithm == std::nullopt);
    CHECK(key.family == row.family);
    CHECK(key.bits == row.bits);
  }
}

TEST_CASE("threads with library contexts of their own work side by side") {
  const auto work = [] {
    const CryptoThread context;
    const auto key = PrivateKey::generate(KeyAlgorithm::ec_p256);
    for (int i = 0; i < 20; ++i) parse_csr(make_csr(key, {"a.example", {}}).bytes);
  };
  std::thread one(work), two(work);
  one.join();
  two.join();
  CHECK(parse_csr(make_csr(PrivateKey::generate(KeyAlgorithm::ec_p256), {"a.example", {}}).bytes).common_name ==
        "a.example");
}
