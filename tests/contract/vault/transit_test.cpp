#include "vault/transit.hpp"

#include <doctest/doctest.h>

#include "base/text.hpp"
#include "support/shell.hpp"
#include "support/thrown.hpp"
#include "support/vault.hpp"

namespace {
using namespace ymgr;
using namespace ymgr::vault;
using test::openbao;
using test::vault_of;

struct Mounted {
  explicit Mounted(const std::string& name) : client(vault_of(openbao())), transit(client, name) {
    test::mount(name, Json::object({{"type", "transit"}}));
  }
  Client client;
  Transit transit;
};

const RequestedNames names = {"api.example.com",
                              {{SanKind::dns, "api.example.com"},
                               {SanKind::ip, "10.0.0.1"},
                               {SanKind::email, "ops@example.com"},
                               {SanKind::uri, "spiffe://example.com/api"},
                               {SanKind::upn, "api@corp.example.com"}}};

TEST_CASE("keys of each algorithm are made once, and sign requests with the names that were asked for") {
  Mounted mounted("transit/one");
  Transit& transit = mounted.transit;
  for (const auto algorithm :
       {KeyAlgorithm::rsa_3072, KeyAlgorithm::ec_p256, KeyAlgorithm::ec_p384, KeyAlgorithm::ed25519}) {
    const std::string name(to_string(algorithm));
    CAPTURE(name);
    const TransitKey key = transit.ensure(name, algorithm);
    CHECK(key.public_key().algorithm == algorithm);
    CHECK(!key.exportable);
    CHECK(key.latest_version == 1);
    CHECK(transit.ensure(name, algorithm).public_key().spki == key.public_key().spki);
    CHECK(transit.read(name)->public_key().sha256 == key.public_key().sha256);
    const Csr csr = parse_csr(transit.certificate_request(name, names, key.public_key()).bytes);
    CHECK(csr.key.spki == key.public_key().spki);
    CHECK(csr.sans == names.sans);
  }
  CHECK(transit.list() == std::vector<std::string>{"ec-p256", "ec-p384", "ed25519", "rsa-3072"});
  CHECK(!transit.read("none"));
}

TEST_CASE("a request without a common name has its names all the same") {
  Mounted mounted("transit/nameless");
  const TransitKey key = mounted.transit.ensure("k", KeyAlgorithm::ec_p256);
  const RequestedNames nameless = {"", {{SanKind::dns, "api.example.com"}}};
  const Csr csr = parse_csr(mounted.transit.certificate_request("k", nameless, key.public_key()).bytes);
  CHECK(csr.sans == nameless.sans);
}

TEST_CASE("a key of that name that is another one is not taken") {
  Mounted mounted("transit/two");
  Transit& transit = mounted.transit;
  transit.ensure("k", KeyAlgorithm::ec_p256);
  CHECK_CODE(transit.ensure("k", KeyAlgorithm::ed25519), Code::key_exists);
  openbao().api("POST", "transit/two/keys/open", Json::object({{"type", "ecdsa-p256"}, {"exportable", true}}));
  CHECK_CODE(transit.ensure("open", KeyAlgorithm::ec_p256), Code::key_exists);
  openbao().api("POST", "transit/two/keys/soft", Json::object({{"type", "ecdsa-p256"}}));
  openbao().api("DELETE", "transit/two/keys/soft/soft-delete");
  CHECK_CODE(transit.ensure("soft", KeyAlgorithm::ec_p256), Code::key_exists);
  const TransitKey other = transit.ensure("other", KeyAlgorithm::ec_p256);
  CHECK_CODE(transit.certificate_request("k", names, other.public_key()), Code::vault_failed);
  CHECK_CODE(transit.certificate_request("none", names, other.public_key()), Code::key_not_found);
  openbao().api("POST", "transit/two/keys/aes");
  CHECK(transit.read("aes")->versions.empty());
  CHECK_CODE(transit.read("aes")->public_key(), Code::key_not_found);
}

/// What openssl says of a signature.
bool openssl_verifies(const PublicKey& key, const std::string& message, const std::string& signature, const char* how) {
  const TemporaryFolder folder("ymgr-test");
  write_file(folder.path() + "/key", to_pem(key.spki, "PUBLIC KEY"));
  write_file(folder.path() + "/message", message);
  write_file(folder.path() + "/signature", signature);
  return test::run_shell("cd " + folder.path() +
                         " && openssl pkeyutl -verify -pubin -inkey key -rawin -in message -sigfile signature " + how)
             .exit == 0;
}

TEST_CASE("a thousand inputs are signed in parts, and one that can't be has its error") {
  Mounted mounted("transit/three");
  Transit& transit = mounted.transit;
  const TransitKey key = transit.ensure("ec", KeyAlgorithm::ec_p256);
  std::vector<std::string> inputs;
  for (int i = 0; i < 1000; ++i) inputs.push_back("input " + std::to_string(i));
  const auto all = transit.sign("ec", inputs, {});
  REQUIRE(all.size() == 1000);
  for (const std::size_t i : {0UL, 449UL, 450UL, 999UL}) {
    CHECK(all.at(i).error.empty());
    CHECK(openssl_verifies(key.public_key(), inputs.at(i), all.at(i).signature, "-digest sha256"));
  }
  CHECK(!openssl_verifies(key.public_key(), inputs.at(1), all.at(0).signature, "-digest sha256"));
  const std::string digests[] = {std::string(32, 'd'), "short"};
  transit.ensure("rsa", KeyAlgorithm::rsa_2048);
  const auto some = transit.sign("rsa", digests, {.prehashed = true});
  CHECK(some.at(0).error.empty());
  CHECK(!some.at(1).error.empty());
  CHECK(some.at(1).signature.empty());
  CHECK_CODE(transit.sign("none", inputs, {}), Code::key_not_found);
}

TEST_CASE("signatures of RSA, Ed25519 and of tokens are those that others check") {
  Mounted mounted("transit/four");
  Transit& transit = mounted.transit;
  const std::string message[] = {"hello"};
  const TransitKey rsa = transit.ensure("rsa", KeyAlgorithm::rsa_2048),
                   ed = transit.ensure("ed", KeyAlgorithm::ed25519);
  CHECK(openssl_verifies(rsa.public_key(), "hello",
                         transit.sign("rsa", message, {.digest = Digest::sha384}).front().signature, "-digest sha384"));
  CHECK(openssl_verifies(ed.public_key(), "hello",
                         transit.sign("ed", message, {.digest = Digest::none}).front().signature, ""));
  transit.ensure("jwt", KeyAlgorithm::ec_p256);
  CHECK(transit.sign("jwt", message, {.form = SignatureForm::jws}).front().signature.size() == 64);
}

TEST_CASE("a key is destroyed in two steps, and gone afterwards") {
  Mounted mounted("transit/five");
  Transit& transit = mounted.transit;
  transit.ensure("k", KeyAlgorithm::ec_p256);
  transit.destroy("k");
  CHECK(!transit.read("k"));
  CHECK_NOTHROW(transit.destroy("k"));
  Client limited =
      test::vault_with_policy("transit-five", R"(path "transit/five/keys/k" { capabilities = ["read", "delete"] })");
  transit.ensure("k", KeyAlgorithm::ec_p256);
  Transit own(limited, "transit/five");
  CHECK_CODE(own.destroy("k"), Code::vault_denied);
  CHECK(transit.read("k"));
}

}  // namespace
