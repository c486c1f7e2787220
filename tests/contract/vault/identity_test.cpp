#include "vault/identity.hpp"

#include <doctest/doctest.h>

#include "base/text.hpp"
#include "support/thrown.hpp"
#include "support/vault.hpp"
#include "vault/auth.hpp"

namespace {
using namespace ymgr;
using namespace ymgr::vault;
using test::openbao;
using test::vault_of;

/// Logged in as a user of its own, which has this policy.
Token log_in_as(Client& client, const std::string& user, const std::string& policy) {
  static const bool enabled =
      (openbao().api("POST", "sys/auth/identity-users", Json::object({{"type", "userpass"}})), true);
  static_cast<void>(enabled);
  openbao().api("PUT", "sys/policies/acl/" + user, Json::object({{"policy", policy}}));
  openbao().api("POST", "auth/identity-users/users/" + user,
                Json::object({{"password", "sesame"}, {"token_policies", Json::texts({user})}}));
  return login_userpass(client, user, Secret("sesame"), "identity-users");
}

TEST_CASE("an identity token says who the login is, under a key that everybody can read") {
  openbao().api("POST", "identity/oidc/key/k",
                Json::object({{"algorithm", "ES256"}, {"allowed_client_ids", Json::texts({"*"})}}));
  openbao().api("POST", "identity/oidc/role/agent",
                Json::object({{"key", "k"}, {"ttl", "15m"}, {"client_id", "ymgr-agent"}}));
  Client client = vault_of(openbao());
  CHECK_CODE(identity_token(client, "agent"), Code::vault_refused);  // root is nobody
  CHECK_CODE(identity_token(client, "none"), Code::vault_not_found);
  const Token login = log_in_as(client, "iris", R"(path "identity/oidc/token/agent" { capabilities = ["read"] })");
  const IdentityToken token = identity_token(client, "agent");
  CHECK(token.expires_at - now() > std::chrono::minutes(14));
  const auto parts = split(token.jwt.reveal(), '.');
  REQUIRE(parts.size() == 3);
  const Json claims = parse_json(*from_base64url(parts[1]));
  CHECK(claims.at("sub").text() == login.entity_id);
  CHECK(claims.at("aud").text() == "ymgr-agent");
  const IdentityIssuer issuer = identity_issuer(client);
  CHECK(claims.at("iss").text() == issuer.issuer);
  const std::string kid = parse_json(*from_base64url(parts[0])).at("kid").text();
  const auto key = std::find_if(issuer.keys.begin(), issuer.keys.end(), [&](const auto& one) { return one.id == kid; });
  REQUIRE(key != issuer.keys.end());
  CHECK(key->algorithm == "ES256");
  CHECK(key->bytes.size() == 64);
}

TEST_CASE("an entity's metadata decides what its policies reach, and bad values are refused before they lock it out") {
  test::mount("kv-entity", Json::object({{"type", "kv"}}));
  Client root = vault_of(openbao()), client = vault_of(openbao());
  const Token login =
      log_in_as(client, "ivan", R"(path "kv-entity/{{identity.entity.metadata.serial}}" { capabilities = ["read"] })");
  const Call read{.path = Path("kv-entity/123"), .missing = Missing::answers};
  CHECK_CODE(client.call(read), Code::vault_denied);
  set_entity_metadata(root, login.entity_id, {{"serial", "123"}, {"site", "hq"}});
  CHECK(client.call(read).status == 404);
  const auto entity = entity_by_id(root, login.entity_id);
  REQUIRE(entity);
  CHECK(entity->metadata.size() == 2);
  CHECK(entity_by_name(root, entity->name)->id == entity->id);
  REQUIRE(entity->aliases.size() == 1);
  CHECK(entity->aliases.front().name == "ivan");
  CHECK(entity_by_alias(root, entity->aliases.front())->id == entity->id);
  CHECK(!entity_by_alias(root, {"nobody", entity->aliases.front().mount_accessor}));
  CHECK(entity->policies.empty());
  openbao().api("POST", "identity/entity/id/" + entity->id, Json::object({{"policies", Json::texts({"ivan"})}}));
  CHECK(entity_by_id(root, entity->id)->policies == std::vector<std::string>{"ivan"});
  CHECK(!entity_by_id(root, "00000000-0000-0000-0000-000000000000"));
  CHECK(!entity_by_name(root, "nobody"));
  for (const char* bad : {"1*", "1+2", "a/b"})
    CHECK_CODE(set_entity_metadata(root, entity->id, {{"serial", bad}}), Code::usage);
  // Somebody else's tool does it: every request is refused then.
  openbao().api("POST", "identity/entity/id/" + entity->id,
                Json::object({{"metadata", Json::object({{"serial", "1*"}})}}));
  const auto locked_out = thrown([&] { client.call(read); });
  REQUIRE(locked_out);
  CHECK(locked_out->code() == Code::vault_denied);
  CHECK(locked_out->hint().find("metadata") != std::string::npos);
}

}  // namespace
