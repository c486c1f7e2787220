#include "unit/x509/pki.hpp"

using namespace ymgr;
using namespace ymgr::test;

TEST_CASE("check_chain names what is wrong") {
  const Pki pki, other;
  const auto key = PrivateKey::generate(KeyAlgorithm::ec_p256);
  const auto leaf = pki.issue(key.public_key(), plan_for("a.example.com"));
  CHECK(check_chain(leaf, pki.intermediates(), pki.roots(), at) == "");
  CHECK(check_chain(leaf, pki.intermediates(), pki.roots(), begin) == "");
  CHECK(check_chain(leaf, pki.intermediates(), pki.roots(), end - std::chrono::seconds(1)) == "");
  CHECK(check_chain(leaf, pki.intermediates(), pki.roots(), end) == "certificate has expired");
  CHECK(check_chain(leaf, pki.intermediates(), pki.roots(), begin - std::chrono::seconds(1)) ==
        "certificate is not yet valid");
  CHECK(check_chain(leaf, {}, pki.roots(), at) == "unable to get local issuer certificate");
  CHECK(check_chain(leaf, pki.intermediates(), {}, at) == "unable to get local issuer certificate");
  // Another root of the same name: only the signature tells.
  CHECK(check_chain(leaf, other.intermediates(), other.roots(), at) != "");
  Certificate changed = leaf;
  changed.der.bytes.back() = static_cast<char>(changed.der.bytes.back() ^ 1);
  CHECK(check_chain(changed, pki.intermediates(), pki.roots(), at) == "certificate signature failure");
  CHECK(check_chain(pki.ca.certificate(), {}, pki.roots(), at) == "");
  // An issuing CA may be what is trusted, and only the right one.
  CHECK(check_chain(leaf, {}, pki.intermediates(), at) == "");
  CHECK(check_chain(changed, {}, pki.intermediates(), at) == "certificate signature failure");
  CHECK(check_chain(leaf, {}, other.intermediates(), at) != "");
  CHECK(check_chain(leaf, {}, pki.intermediates(), end) == "certificate has expired");
}

TEST_CASE("what X509_STRICT refuses is refused") {
  const Folder folder;
  folder.put("cnf", "[req]\ndistinguished_name=dn\nx509_extensions=e\n[dn]\n[e]\nbasicConstraints=CA:TRUE\n");
  REQUIRE(run("openssl req -x509 -nodes -newkey ed25519 -keyout " + folder.path("key") +
              " -subj /CN=r -days 30 -config " + folder.path("cnf") + " -out " + folder.path("root"))
              .status == 0);
  const Issuer root(parse_certificate(folder.get("root")), PrivateKey::from_pem(Secret(folder.get("key"))));
  auto planned = plan_for("a.example");
  planned.not_before = root.certificate().not_before;
  planned.not_after = root.certificate().not_after;
  const auto key = PrivateKey::generate(KeyAlgorithm::ec_p256);
  const auto leaf = parse_certificate(root.sign(key.public_key().spki, planned, {}).bytes);
  CHECK(run("openssl verify -CAfile " + folder.path("root") + " " + folder.put("leaf", leaf.pem)).status == 0);
  CHECK(check_chain(leaf, {}, {&root.certificate(), 1}, planned.not_before) ==
        "Basic Constraints of CA cert not marked critical");
}

TEST_CASE("name constraints and path length bind what is below") {
  const Pki pki(KeyAlgorithm::ec_p256,
                {{parse_name_constraint("dns:example.com"), parse_name_constraint("ip:10.0.0.0/8")}});
  const auto key = PrivateKey::generate(KeyAlgorithm::ec_p256);
  struct Row {
    const char *san, *want;
  };
  const Row rows[] = {{"dns:a.example.com", ""},
                      {"dns:example.com", ""},
                      {"dns:example.org", "permitted subtree violation"},
                      {"dns:badexample.com", "permitted subtree violation"},
                      {"ip:10.255.0.1", ""},
                      {"ip:11.0.0.1", "permitted subtree violation"},
                      {"email:a@example.org", ""}};
  for (const auto& row : rows) {
    CAPTURE(row.san);
    const auto leaf = pki.issue(key.public_key(), plan({"", {parse_san(row.san)}}));
    CHECK(check_chain(leaf, pki.intermediates(), pki.roots(), at) == row.want);
  }
  auto below_key = PrivateKey::generate(KeyAlgorithm::ec_p256);
  const auto below = parse_certificate(
      make_intermediate(pki.ca, below_key.public_key(), {"Below", ""}, {}, "05", begin, end, {}).bytes);
  const Issuer below_issuer(below, std::move(below_key));
  const auto leaf = parse_certificate(below_issuer.sign(key.public_key().spki, plan_for("a.example.com"), {}).bytes);
  const Certificate between[] = {below, pki.ca.certificate()};
  CHECK(check_chain(leaf, between, pki.roots(), at) == "path length constraint exceeded");
}

TEST_CASE("a checker serves many leaves, on a thread with its own library context too") {
  const CryptoThread context;
  const Pki pki;
  const auto key = PrivateKey::generate(KeyAlgorithm::ec_p256);
  const ChainChecker checker(pki.intermediates(), pki.roots());
  for (const char* name : {"a.example", "b.example"})
    CHECK(checker.check(pki.issue(key.public_key(), plan_for(name)), at) == "");
  CHECK(checker.check(pki.issue(key.public_key(), plan_for("c.example")), end + std::chrono::hours(1)) ==
        "certificate has expired");
}
