#include "agent/token.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "x509/oaep.hpp"

namespace ymgr::agent {
namespace {

constexpr std::size_t longest_token = 8UL * 1024;
constexpr JsonLimits part_limits{.bytes = longest_token, .depth = 4};
constexpr Duration skew = std::chrono::seconds(60);

[[noreturn]] void refuse(const std::string& why) {
  throw Error(Code::token_refused, "the identity token is refused: " + why);
}

std::string decode(std::string_view part, const char* what) {
  auto bytes = from_base64url(part);
  if (!bytes) refuse(std::string(what) + " is not base64url");
  return std::move(*bytes);
}

Json object_of(std::string_view part, const char* what) {
  const std::string text = decode(part, what);
  try {
    Json json = parse_json(text, part_limits);
    if (json.is_object()) return json;
  } catch (const Error&) {
    // What stands in a token is nobody's business but the signer's.
  }
  refuse(std::string(what) + " is no JSON object");
}

const std::string& text_in(const Json& object, std::string_view name) {
  const Json* value = object.find(name);
  if (value == nullptr || !value->is_text() || value->text().empty() || value->text().size() > 256) {
    refuse("no " + std::string(name));
  }
  return value->text();
}

/// NumericDate, whole seconds of the years 1970 to 9999.
std::optional<Time> time_in(const Json& claims, std::string_view name) {
  constexpr std::int64_t end = 253'402'300'800;
  const Json* value = claims.find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_integer() || value->integer() < 0 || value->integer() >= end) refuse("bad " + std::string(name));
  return from_seconds(value->integer());
}

Time required_time(const Json& claims, std::string_view name) {
  const auto at = time_in(claims, name);
  if (!at) refuse("no " + std::string(name));
  return *at;
}

struct Parts {
  std::string_view header, claims, signature, signed_text;
};

Parts split_token(std::string_view jwt) {
  if (jwt.size() > longest_token) refuse("more than 8 KiB");
  const auto first = jwt.find('.');
  const auto second = first == std::string_view::npos ? first : jwt.find('.', first + 1);
  if (second == std::string_view::npos || jwt.find('.', second + 1) != std::string_view::npos)
    refuse("not three parts");
  return {jwt.substr(0, first), jwt.substr(first + 1, second - first - 1), jwt.substr(second + 1),
          jwt.substr(0, second)};
}

std::string_view name_of(TokenAlgorithm algorithm) {
  return algorithm == TokenAlgorithm::eddsa ? "EdDSA" : "ES256";
}

/// @return the kid
std::string check_header(const Json& header) {
  for (const auto& [name, value] : header.members()) {
    if (name != "alg" && name != "kid" && name != "typ") refuse("header member " + printable(name));
  }
  if (const Json* type = header.find("typ"); type != nullptr && (!type->is_text() || type->text() != "JWT")) {
    refuse("typ is not JWT");
  }
  return text_in(header, "kid");
}

bool verify(const TokenKey& key, const Parts& parts, const std::string& signature) {
  if (key.algorithm == TokenAlgorithm::eddsa) return verify_detached(key.bytes, parts.signed_text, signature);
  return verify_es256(key.bytes, parts.signed_text, signature);
}

bool names_audience(const Json& claims, const std::string& audience) {
  const Json* aud = claims.find("aud");
  if (aud == nullptr) return false;
  if (aud->is_text()) return aud->text() == audience;
  return aud->is_array() && std::any_of(aud->items().begin(), aud->items().end(),
                                        [&](const Json& item) { return item.is_text() && item.text() == audience; });
}

const TokenIssuer& issuer_of(const Json& claims, std::span<const TokenIssuer> issuers) {
  const std::string& name = text_in(claims, "iss");
  const auto at = std::find_if(issuers.begin(), issuers.end(), [&](const TokenIssuer& i) { return i.issuer == name; });
  if (at == issuers.end()) refuse("no key file of its issuer");
  return *at;
}

IdentityToken read_claims(const Json& claims, Time at) {
  IdentityToken token;
  token.issuer = text_in(claims, "iss");
  token.user = text_in(claims, "sub");
  token.issued_at = required_time(claims, "iat");
  token.expires_at = required_time(claims, "exp");
  token.session_expires_at = time_in(claims, "session_exp");
  if (token.expires_at <= at) refuse("it has expired");
  if (token.issued_at > at + skew || time_in(claims, "nbf").value_or(at) > at + skew) refuse("it is not valid yet");
  if (token.expires_at <= token.issued_at || token.expires_at - token.issued_at > longest_token_life) {
    refuse("its life is longer than 15 minutes");
  }
  return token;
}

std::optional<TokenKey> key_of(const Json& jwk) {
  const std::string type = jwk.text_or("kty", ""), curve = jwk.text_or("crv", "");
  TokenKey key{jwk.text_or("kid", ""), TokenAlgorithm::eddsa, from_base64url(jwk.text_or("x", "")).value_or("")};
  if (type == "EC" && curve == "P-256") {
    key.algorithm = TokenAlgorithm::es256;
    key.bytes += from_base64url(jwk.text_or("y", "")).value_or("");
  } else if (type != "OKP" || curve != "Ed25519") {
    return std::nullopt;
  }
  const std::size_t size = key.algorithm == TokenAlgorithm::eddsa ? 32 : 64;
  if (key.id.empty() || key.bytes.size() != size) return std::nullopt;
  return key;
}

Json to_jwk(const TokenKey& key) {
  Json jwk = Json::object({{"kid", key.id}, {"alg", name_of(key.algorithm)}, {"use", "sig"}});
  if (key.algorithm == TokenAlgorithm::eddsa) {
    return jwk.set("kty", "OKP").set("crv", "Ed25519").set("x", to_base64url(key.bytes));
  }
  return jwk.set("kty", "EC")
      .set("crv", "P-256")
      .set("x", to_base64url(std::string_view(key.bytes).substr(0, 32)))
      .set("y", to_base64url(std::string_view(key.bytes).substr(32)));
}

}  // namespace

TokenIssuer parse_token_keys(std::string_view text) {
  const Json json = parse_json(text, {.bytes = 64UL * 1024, .depth = 8});
  if (!json.is_object()) refuse("a key file is no JSON object");
  TokenIssuer issuer{text_in(json, "issuer"), text_in(json, "audience"), {}};
  for (const Json& jwk : json.at("keys").items()) {
    if (auto key = key_of(jwk)) issuer.keys.push_back(std::move(*key));
  }
  return issuer;
}

std::string dump_token_keys(const TokenIssuer& issuer) {
  Json keys = Json::array();
  for (const TokenKey& key : issuer.keys) keys.push(to_jwk(key));
  return dump_json_pretty(Json::object({{"issuer", issuer.issuer}, {"audience", issuer.audience}, {"keys", keys}}));
}

IdentityToken verify_token(std::string_view jwt, std::span<const TokenIssuer> issuers, Time at) {
  const Parts parts = split_token(jwt);
  const Json header = object_of(parts.header, "its header"), claims = object_of(parts.claims, "its payload");
  const std::string id = check_header(header), signature = decode(parts.signature, "its signature");
  const TokenIssuer& issuer = issuer_of(claims, issuers);
  const auto key = std::find_if(issuer.keys.begin(), issuer.keys.end(), [&](const TokenKey& k) { return k.id == id; });
  if (key == issuer.keys.end()) refuse("no key of that kid");
  if (text_in(header, "alg") != name_of(key->algorithm)) refuse("its algorithm is not the key's");
  if (!verify(*key, parts, signature)) refuse("its signature is wrong");
  if (!names_audience(claims, issuer.audience)) refuse("it is meant for somebody else");
  return read_claims(claims, at);
}

std::string token_key_id(std::string_view public_key) {
  const Sha256 hash = sha256(public_key);
  return to_base64url({reinterpret_cast<const char*>(hash.data()), 16});
}

std::string make_token(const IdentityToken& token, const SigningKeys& keys) {
  const Json header = Json::object({{"alg", "EdDSA"}, {"kid", token_key_id(keys.public_key)}, {"typ", "JWT"}});
  Json claims = Json::object({{"iss", token.issuer},
                              {"aud", token_audience},
                              {"sub", token.user},
                              {"iat", to_seconds(token.issued_at)},
                              {"exp", to_seconds(token.expires_at)}});
  if (token.session_expires_at) claims.set("session_exp", to_seconds(*token.session_expires_at));
  std::string text = to_base64url(dump_json(header)) + "." + to_base64url(dump_json(claims));
  const std::string signature = sign_detached(keys, text);
  return text + "." + to_base64url(signature);
}

}  // namespace ymgr::agent
