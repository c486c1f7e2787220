// Vault's identity: who somebody is to others, and what is noted of them.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vault/client.hpp"

namespace ymgr::vault {

/// A JWT (RFC 7519) that says who the token's entity is.
struct IdentityToken {
  Secret jwt;
  Time expires_at;
};
/// A key that checks them, ES256 or EdDSA.
struct IdentityKey {
  std::string id, algorithm;  // "ES256", "EdDSA"
  std::string bytes;          // P-256: x and y, 64 bytes; Ed25519: 32
};
/// What `iss` of the tokens says, and their keys. Keys of other kinds are left out.
struct IdentityIssuer {
  std::string issuer;
  std::vector<IdentityKey> keys;
};
/// Of a JWK set (RFC 7517). @throws Error json-invalid
std::vector<IdentityKey> identity_keys_of(const Json& set);

using EntityMetadata = std::vector<std::pair<std::string, std::string>>;
/// By which a login of an auth method's mount is an entity's.
struct Alias {
  std::string name, mount_accessor;
};
struct Entity {
  std::string id, name;
  EntityMetadata metadata;
  bool disabled = false;
  std::vector<std::string> policies;
  std::vector<Alias> aliases;
};

/// @throws Error vault-not-found: no such role · vault-refused: a token without an entity (root)
IdentityToken identity_token(Client& client, std::string_view role);
/// Needs no token.
IdentityIssuer identity_issuer(Client& client);

/// nullopt: no such entity.
std::optional<Entity> entity_by_id(Client& client, std::string_view id);
std::optional<Entity> entity_by_name(Client& client, std::string_view name);
std::optional<Entity> entity_by_alias(Client& client, const Alias& alias);
/// Replaces all metadata of an entity.
/// @throws Error usage: a value with '*', '+' or '/' in it. Where a policy's template names it, every request of that entity's tokens
/// would be refused, until somebody repairs it
void set_entity_metadata(Client& client, std::string_view id, const EntityMetadata& metadata);

}  // namespace ymgr::vault
