#include "agent/token.hpp"

#include <doctest/doctest.h>

#include <functional>

#include "base/files.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "support/thrown.hpp"
#include "x509/oaep.hpp"

namespace {
using namespace ymgr;
using agent::IdentityToken;

template <class Call>
Error refused(Call&& call) {
  auto error = thrown(call);
  REQUIRE(error.has_value());
  return *error;
}

constexpr std::int64_t issued = 1'790'000'000;
const Time at = from_seconds(issued + 10);

std::string golden(const std::string& name) {
  return read_file(std::string(YMGR_SOURCE_DIR) + "/tests/unit/agent/golden/" + name);
}

SigningKeys signer() {
  return signing_keys_from_seed(Secret("0123456789abcdef0123456789abcdef"));
}
const std::vector<agent::TokenIssuer>& issuers() {
  static const std::vector<agent::TokenIssuer> kept = {
      {"https://ca.example",
       "ymgr-agent",
       {{agent::token_key_id(signer().public_key), agent::TokenAlgorithm::eddsa, signer().public_key}}}};
  return kept;
}

Json good_header() {
  return Json::object({{"alg", "EdDSA"}, {"kid", agent::token_key_id(signer().public_key)}, {"typ", "JWT"}});
}
Json good_claims() {
  return Json::object(
      {{"iss", "https://ca.example"}, {"aud", "ymgr-agent"}, {"sub", "alice"}, {"iat", issued}, {"exp", issued + 600}});
}
std::string signed_token(const std::string& header, const std::string& claims) {
  const std::string text = to_base64url(header) + "." + to_base64url(claims);
  return text + "." + to_base64url(sign_detached(signer(), text));
}
std::string signed_token(const Json& header, const Json& claims) {
  return signed_token(dump_json(header), dump_json(claims));
}
Code refusal_of(const std::string& jwt) {
  return refused([&] { agent::verify_token(jwt, issuers(), at); }).code();
}

TEST_CASE("tokens that openssl signed are accepted, EdDSA and ES256") {
  for (const std::string name : {"eddsa", "es256"}) {
    CAPTURE(name);
    const std::vector<agent::TokenIssuer> keys = {agent::parse_token_keys(golden(name + "_keys.json"))};
    const IdentityToken token = agent::verify_token(golden(name + ".jwt"), keys, at);
    CHECK(token.issuer == "https://" + name + ".example");
    CHECK(token.user == "alice");
    CHECK(to_seconds(token.expires_at) == issued + 600);
    CHECK_FALSE(token.session_expires_at);
    // The same keys written by us.
    const std::vector<agent::TokenIssuer> again = {agent::parse_token_keys(agent::dump_token_keys(keys[0]))};
    CHECK(agent::verify_token(golden(name + ".jwt"), again, at).user == "alice");
    // Another one's key under the same name.
    std::vector<agent::TokenIssuer> wrong = keys;
    wrong[0].keys[0].bytes[5] = static_cast<char>(wrong[0].keys[0].bytes[5] ^ 1);
    CHECK(refused([&] { agent::verify_token(golden(name + ".jwt"), wrong, at); }).code() == Code::token_refused);
  }
}

TEST_CASE("a token that was made is verified") {
  const IdentityToken made{"https://ca.example", "bob", from_seconds(issued), from_seconds(issued + 900),
                           from_seconds(issued + 28'800)};
  const IdentityToken token = agent::verify_token(agent::make_token(made, signer()), issuers(), at);
  CHECK(token.user == "bob");
  CHECK(token.expires_at == made.expires_at);
  CHECK(token.session_expires_at == made.session_expires_at);
}

TEST_CASE("headers that say more or other than they should are refused") {
  REQUIRE_NOTHROW(agent::verify_token(signed_token(good_header(), good_claims()), issuers(), at));
  const std::function<void(Json&)> changes[] = {
      [](Json& h) { h.set("alg", "none"); },
      [](Json& h) { h.set("alg", "ES256"); },
      [](Json& h) { h.set("alg", "HS256"); },
      [](Json& h) { h.set("alg", "eddsa"); },
      [](Json& h) { h.erase("alg"); },
      [](Json& h) { h.set("typ", "JWE"); },
      [](Json& h) { h.set("kid", "other"); },
      [](Json& h) { h.erase("kid"); },
      [](Json& h) { h.set("crit", Json::array()); },
      [](Json& h) { h.set("jku", "https://evil.com"); },
      [](Json& h) { h.set("jwk", Json::object()); },
      [](Json& h) { h.set("x5u", "https://evil.com"); },
      [](Json& h) { h.set("zip", "DEF"); },
  };
  for (const auto& change : changes) {
    Json header = good_header();
    change(header);
    CAPTURE(dump_json(header));
    CHECK(refusal_of(signed_token(header, good_claims())) == Code::token_refused);
  }
}

TEST_CASE("claims that are missing, wrong, too early, too late or too long are refused") {
  const std::function<void(Json&)> changes[] = {
      [](Json& c) { c.set("iss", "https://evil.com"); },
      [](Json& c) { c.erase("iss"); },
      [](Json& c) { c.set("aud", "other"); },
      [](Json& c) {
        c.set("aud", Json::texts({"a", "b"}));
      },
      [](Json& c) { c.erase("aud"); },
      [](Json& c) { c.erase("sub"); },
      [](Json& c) { c.set("sub", ""); },
      [](Json& c) { c.set("sub", std::string(257, 'x')); },
      [](Json& c) { c.erase("exp"); },
      [](Json& c) { c.erase("iat"); },
      [](Json& c) { c.set("exp", issued + 10); },
      [](Json& c) { c.set("exp", issued + 901); },
      [](Json& c) { c.set("exp", "1790000600"); },
      [](Json& c) { c.set("exp", 1e300); },
      [](Json& c) { c.set("exp", std::int64_t{9'000'000'000'000'000'000}); },
      [](Json& c) { c.set("exp", -1); },
      [](Json& c) { c.set("iat", issued + 71); },
      [](Json& c) { c.set("iat", issued + 700).set("exp", issued + 600); },
      [](Json& c) { c.set("nbf", issued + 71); },
      [](Json& c) { c.set("session_exp", "soon"); },
  };
  for (const auto& change : changes) {
    Json claims = good_claims();
    change(claims);
    CAPTURE(dump_json(claims));
    CHECK(refusal_of(signed_token(good_header(), claims)) == Code::token_refused);
  }
  Json fine = good_claims();
  fine.set("aud", Json::texts({"a", "ymgr-agent"})).set("iat", issued + 70).set("nbf", issued + 70).set("x", 1);
  CHECK(agent::verify_token(signed_token(good_header(), fine), issuers(), at).user == "alice");
}

TEST_CASE("what is no token is refused") {
  const std::string good = signed_token(good_header(), good_claims());
  std::string flipped = good, twice = dump_json(good_claims());
  flipped[good.find('.') + 10] = flipped[good.find('.') + 10] == 'A' ? 'B' : 'A';
  twice.insert(twice.size() - 1, ",\"sub\":\"root\"");
  const std::string wrong[] = {
      "",
      ".",
      "..",
      "a.b",
      good + ".x",
      good + "=",
      " " + good,
      good.substr(0, good.size() - 4),
      good.substr(0, good.rfind('.') + 1),
      flipped,
      signed_token(dump_json(good_header()), twice),
      signed_token("[]", dump_json(good_claims())),
      signed_token(dump_json(good_header()), "null"),
      signed_token(dump_json(good_header()), dump_json(good_claims()) + std::string(8192, ' '))};
  for (const std::string& jwt : wrong) {
    CAPTURE(jwt.substr(0, 100));
    CHECK(refusal_of(jwt) == Code::token_refused);
  }
}

TEST_CASE("key files keep what they understand") {
  const auto keys = agent::parse_token_keys(
      R"({"issuer":"i","audience":"a","keys":[{"kty":"RSA","kid":"r","n":"AA"},{"kty":"OKP","crv":"Ed25519","kid":"short","x":"AAAA"},)"
      R"({"kty":"OKP","crv":"Ed25519","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}]})");
  CHECK(keys.keys.empty());
  for (const char* text : {"", "[]", "{}", R"({"issuer":"i"})", R"({"issuer":"i","audience":"a"})",
                           R"({"issuer":"i","audience":"a","keys":{}})"}) {
    CAPTURE(text);
    const Code code = refused([&] { agent::parse_token_keys(text); }).code();
    CHECK((code == Code::json_invalid || code == Code::token_refused));
  }
}

TEST_CASE("ES256 takes raw signatures of exactly 64 bytes") {
  CHECK_FALSE(verify_es256(std::string(64, '\0'), "x", std::string(64, '\1')));  // no point of the curve
  CHECK_FALSE(verify_es256(std::string(63, '\0'), "x", std::string(64, '\1')));
  CHECK_FALSE(verify_es256(std::string(64, '\0'), "x", std::string(63, '\1')));
}

}  // namespace
