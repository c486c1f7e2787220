#include <doctest/doctest.h>

#include <algorithm>

#include "base/error.hpp"
#include "policy/policy.hpp"

using namespace ymgr;
using std::chrono::days;

namespace {

/// A whole file with `more` at the top level and `profile` inside the profile.
std::string file_with(std::string_view more, std::string_view profile = {}) {
  return "version: v1\npreset: internal\n" + std::string(more) + "profiles:\n  web:\n    eku: [serverAuth]\n" +
         std::string(profile);
}

std::string refusal(const std::string& yaml) {
  try {
    Policy::parse(yaml, "p.yaml");
  } catch (const Error& error) {
    return std::string(error.what()) + " | " + error.hint();
  }
  return "";
}

}  // namespace

TEST_CASE("a wrong policy is refused with its place, and nearly right words are named") {
  struct Row {
    std::string yaml;
    const char* want;  // part of message and hint
  };
  const Row rows[] = {
      {"preset: internal\nprofiles: {web: {eku: [serverAuth]}}\n", "version is missing"},
      {"version: 2.3\npreset: internal\nprofiles: {web: {eku: [serverAuth]}}\n", "p.yaml:1:10: 2.3 is not a version"},
      {"version: v2.\npreset: internal\nprofiles: {web: {eku: [serverAuth]}}\n", "v2. is not a version"},
      {"version: v1\npreset: internl\nprofiles: {web: {eku: [serverAuth]}}\n", "p.yaml:2:9:"},
      {"version: v1\nprofiles: {web: {eku: [serverAuth]}}\n", "preset is missing"},
      {"version: v1\npreset: internal\n", "profiles is missing"},
      {"version: v1\npreset: internal\nprofiles: {}\n", "profiles is missing"},
      {file_with("kys: {}\n"), "p.yaml:3:1:"},
      {file_with("kys: {}\n"), "keys"},
      {file_with("keys:\n  min_rsa_bit: 3072\n"), "p.yaml:4:3:"},
      {file_with("keys:\n  min_rsa_bit: 3072\n"), "min_rsa_bits"},
      {file_with("keys: {min_rsa_bits: 2048}\n"), "p.yaml:3:"},
      {file_with("keys: {min_rsa_bits: 3071}\n"), "3072"},
      {file_with("keys: {algorithms: [ec-p265]}\n"), "did you mean ec-p256?"},
      {file_with("keys: {algorithms: [rsa-2048]}\n"), "too weak"},
      {file_with("keys: {algorithms: []}\n"), "algorithms is empty"},
      {file_with("keys: {denied: [abc]}\n"), "64 hex digits"},
      {file_with("", "    keys: {denied: [abc]}\n"), "denied"},
      {file_with("names: {allowed: ['a*.example.com']}\n"), "p.yaml:3:19: a*.example.com is not a name pattern"},
      {file_with("names: {denied: [ok.example.com, .example.com]}\n"), ".example.com is not a name pattern"},
      {file_with("names: {wildcards: maybe}\n"), "p.yaml:3:"},
      {file_with("validity: {max: 398d}\n"), "398d is above 397d"},
      {file_with("validity: {max: 1 year}\n"), "p.yaml:3:"},
      {file_with("reuse: {key: true, max_age: 2y}\n"), "max_age"},
      {file_with("", "    eku_: []\n"), "p.yaml:6:"},
      {file_with("", "    san_kinds: [dns, mail]\n"), "p.yaml:6:22: san_kinds does not know mail"},
      {file_with("", "    san_kinds: []\n"), "san_kinds is empty"},
      {file_with("", "    roles: [admin, auditor]\n"), "roles does not know auditor"},
      {file_with("", "    max_sans: 0\n"), "p.yaml:6:"},
      {file_with("", "    default_key: rsa-1\n"), "unknown key algorithm rsa-1"},
      {file_with("keys: {algorithms: [ec-p256]}\n", "    default_key: rsa-3072\n"), "not among"},
      {file_with("keys: {min_rsa_bits: 4096}\n", "    default_key: rsa-3072\n"), "not among"},
      {file_with("keys: {min_rsa_bits: 8192, algorithms: [rsa-4096]}\n"), "no algorithm"},
      {file_with("validity: {max: 30d}\n", "    default_validity: 31d\n"), "31d is above 30d"},
      {file_with("", "    name_is_san: true\n    san_kinds: [uri]\n"), "name_is_san needs"},
      {file_with("", "    key_usage: [keyCertSign]\n"), "key_usage does not know keyCertSign"},
      {file_with("", "    key_usage: [keyEncipherment]\n"), "keyEncipherment is for RSA keys"},
      {file_with("keys: {algorithms: [ed25519]}\n", "    key_usage: [keyAgreement]\n"), "keyAgreement is for EC keys"},
      {"version: v1\npreset: internal\nprofiles: {web: {}}\n", "has no eku"},
      {"version: v1\npreset: internal\nprofiles: {web: {eku: [serverauth1]}}\n", "unknown extended key usage"},
      {"version: v1\npreset: internal\nprofiles: {web: {eku: [OCSPSigning]}}\n", "no profile may carry OCSPSigning"},
      {"version: v1\npreset: internal\nprofiles: {web: {eku: [2.5.29.37.0]}}\n", "no profile may carry"},
      {"version: v1\npreset: internal\nprofiles: {Web: {eku: [serverAuth]}}\n", "p.yaml:3:12: profile names"},
      {"version: v1\npreset: internal\nprofiles: {web: [1]}\n", "p.yaml:3:"},
      {"version: v1\npreset: cabf\nkeys: {algorithms: [ed25519]}\nprofiles: {web: {eku: [serverAuth]}}\n",
       "no algorithm"},
      {"version: v1\npreset: cabf\nprofiles: {web: {eku: [serverAuth], san_kinds: [uri]}}\n", "no kind of name"},
      {"version: v1\npreset: cabf\nvalidity: {max: 399d}\nprofiles: {web: {eku: [serverAuth]}}\n", "above 398d"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.yaml);
    const auto got = refusal(row.yaml);
    CAPTURE(got);
    CHECK(got.find(row.want) != std::string::npos);
  }
}

TEST_CASE("a policy that is wrong says policy-invalid") {
  try {
    Policy::parse(file_with("kys: {}\n"), "p.yaml");
    FAIL("nothing thrown");
  } catch (const Error& error) {
    CHECK(error.code() == Code::policy_invalid);
    CHECK(*error.detail("line") == "3");
  }
}

TEST_CASE("profiles take what stands above them, and set it again") {
  const auto policy = Policy::parse(R"(
version: v3
preset: internal
min_renew_interval: 30m
keys: {min_rsa_bits: 4096}
names: {allowed: ["*.a.example"], denied: [x.a.example], wildcards: true}
validity: {max: 60d}
reuse: {key: false, max_key_age: 90d}
profiles:
  plain: {eku: serverAuth}
  own:
    eku: [1.3.6.1.5.5.7.3.2, codeSigning]
    keys: {min_rsa_bits: 3072, algorithms: [rsa-3072, rsa-4096]}
    names: {allowed: [], denied: [y.a.example], wildcards: false}
    validity: {max: 90d}
    reuse: {key: true}
    key_usage: [digitalSignature, keyEncipherment]
    san_kinds: [uri, upn]
    max_sans: 1
    roles: [operator, user]
)",
                                    "p.yaml");
  CHECK(policy.min_renew_interval() == std::chrono::minutes(30));
  const auto& plain = policy.profile("plain");
  CHECK(plain.algorithms == std::vector<KeyAlgorithm>{KeyAlgorithm::ec_p256, KeyAlgorithm::ec_p384,
                                                      KeyAlgorithm::ed25519, KeyAlgorithm::rsa_4096});
  CHECK(plain.names_allowed == std::vector<std::string>{"*.a.example"});
  CHECK(std::ranges::find(plain.san_kinds, SanKind::upn) == plain.san_kinds.end());  // only where it is named
  CHECK(plain.wildcards);
  CHECK(plain.max_validity == days(60));
  CHECK_FALSE(plain.key_reuse);
  CHECK(plain.roles == std::vector<std::string>{"admin", "operator"});
  CHECK(plain.key_usage == std::vector<std::string>{"digitalSignature"});
  CHECK(policy.default_validity(plain, Time{}) == days(60));
  const auto& own = policy.profile("own");
  CHECK(own.eku == std::vector<std::string>{"clientAuth", "codeSigning"});
  CHECK(own.default_key == KeyAlgorithm::rsa_3072);
  CHECK(own.names_allowed.empty());
  CHECK(own.names_denied == std::vector<std::string>{"x.a.example", "y.a.example"});
  CHECK_FALSE(own.wildcards);
  CHECK(own.max_validity == days(90));
  CHECK(own.key_reuse);
  CHECK(own.max_key_age == Duration(days(90)));
  CHECK(own.san_kinds == std::vector<SanKind>{SanKind::uri, SanKind::upn});
  CHECK(own.max_sans == 1);
}

TEST_CASE("policy show tells the rules as they apply on the day") {
  const auto policy = Policy::parse(default_policy("cabf"), "policy.yaml");
  const auto json = policy.to_json(parse_time("2027-03-15"));
  CHECK(json.at("version").text() == "v2.3");
  CHECK(json.at("preset").text() == "cabf");
  const auto& server = json.at("profiles").at("tls-server");
  CHECK(server.at("validity").at("max").text() == "100d");
  CHECK(server.at("validity").at("default").text() == "99d");
  CHECK(server.at("keys").at("algorithms") == Json::texts({"ec-p256", "ec-p384", "rsa-3072", "rsa-4096"}));
  CHECK(server.at("names").at("san_kinds") == Json::texts({"dns", "ip"}));
  CHECK(server.at("reuse").at("max_key_age").text() == "730d");
}

TEST_CASE("both default policies are readable, and an unknown preset is refused") {
  for (const auto* preset : {"internal", "cabf"}) {
    const auto policy = Policy::parse(default_policy(preset), "policy.yaml");
    CHECK(policy.preset() == preset);
    CHECK(policy.profiles().size() == 7);
  }
  CHECK_THROWS_AS(default_policy("strict"), Error);
}
