#include "vault/identity.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace ymgr::vault {
namespace {

using std::chrono::seconds;

constexpr Meaning token_meanings[] = {
    {400, "not found", Code::vault_not_found, "name a role of identity/oidc"},
    {400, "no entity", Code::vault_refused, "log in as a person: a root token is nobody"}};

std::string coordinate(const Json& key, std::string_view member) {
  constexpr std::size_t size = 32;
  const auto bytes = from_base64url(key.at(member).text());
  if (!bytes || bytes->size() != size) throw Error(Code::json_invalid, "a key has a wrong " + std::string(member));
  return *bytes;
}

Entity entity_of(const Json& data) {
  Entity entity{data.at("id").text(),
                printable(data.text_or("name", "")),
                {},
                data.boolean_or("disabled", false),
                data.texts_or_empty("policies"),
                {}};
  if (const Json* metadata = data.find("metadata"); metadata != nullptr && metadata->is_object()) {
    for (const auto& [name, value] : metadata->members()) entity.metadata.emplace_back(name, value.text());
  }
  if (const Json* aliases = data.find("aliases"); aliases != nullptr && aliases->is_array()) {
    for (const Json& alias : aliases->items())
      entity.aliases.push_back({alias.at("name").text(), alias.at("mount_accessor").text()});
  }
  return entity;
}

std::optional<Entity> entity_of_answer(const Answer& answer) {
  if (answer.status == 404 || !answer.data().is_object()) return std::nullopt;
  return entity_of(answer.data());
}

std::optional<Entity> entity_at(Client& client, const Path& path) {
  return client.call({.path = path, .missing = Missing::answers}, entity_of_answer);
}

}  // namespace

std::vector<IdentityKey> identity_keys_of(const Json& set) {
  std::vector<IdentityKey> keys;
  for (const Json& key : set.at("keys").items()) {
    const std::string curve = key.text_or("crv", "");
    if (curve == "P-256") keys.push_back({key.at("kid").text(), "ES256", coordinate(key, "x") + coordinate(key, "y")});
    if (curve == "Ed25519") keys.push_back({key.at("kid").text(), "EdDSA", coordinate(key, "x")});
  }
  return keys;
}

IdentityToken identity_token(Client& client, std::string_view role) {
  const Call call{.path = Path("identity/oidc/token") / role, .cut = {"data.token"}, .meanings = token_meanings};
  return client.call(call, [](Answer& answer) {
    if (answer.secrets.front().empty()) throw Error(Code::json_invalid, "there is no token in it");
    return IdentityToken{std::move(answer.secrets.front()), now() + seconds(answer.data().at("ttl").integer())};
  });
}

IdentityIssuer identity_issuer(Client& client) {
  const Path base("identity/oidc/.well-known");
  IdentityIssuer issuer;
  issuer.issuer = client.call({.path = base / "openid-configuration", .auth = Auth::none},
                              [](const Answer& answer) { return printable(answer.at("issuer").text()); });
  issuer.keys = client.call({.path = base / "keys", .auth = Auth::none},
                            [](const Answer& answer) { return identity_keys_of(answer.document); });
  return issuer;
}

std::optional<Entity> entity_by_id(Client& client, std::string_view id) {
  return entity_at(client, Path("identity/entity/id") / id);
}
std::optional<Entity> entity_by_name(Client& client, std::string_view name) {
  return entity_at(client, Path("identity/entity/name") / name);
}

std::optional<Entity> entity_by_alias(Client& client, const Alias& alias) {
  const Json wanted = Json::object({{"alias_name", alias.name}, {"alias_mount_accessor", alias.mount_accessor}});
  return client.call({.method = "POST", .path = Path("identity/lookup/entity"), .body = wanted}, entity_of_answer);
}

void set_entity_metadata(Client& client, std::string_view id, const EntityMetadata& metadata) {
  Json values = Json::object();
  for (const auto& [name, value] : metadata) {
    if (value.find_first_of("*+/") != std::string::npos) {
      throw Error(Code::usage,
                  "metadata can't have '*', '+' or '/' in it: " + printable(name) + " = " + printable(value));
    }
    values.set(name, value);
  }
  client.call({.method = "POST",
               .path = Path("identity/entity/id") / id,
               .body = Json::object({{"metadata", values}}),
               .effect = http::Effect::changes,
               .repeat = Repeat::safe});
}

}  // namespace ymgr::vault
