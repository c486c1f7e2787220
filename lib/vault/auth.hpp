// Logging in to Vault.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vault/client.hpp"
#include "vault/lease.hpp"

namespace ymgr::vault {

struct Token {
  Secret secret;
  std::string accessor, entity_id;  // no entity: empty (root, and logins without one)
  std::string display_name;         // "userpass-alice"; empty where the token may not look itself up
  std::vector<std::string> policies;
  std::vector<std::pair<std::string, std::string>> metadata;  // what the auth method knows: username, role, common_name
  Term term;
};

/// Every login makes the client use the new token. `mount` is where the method is mounted below auth/.
/// @throws Error wrong-password · locked-out: after several of them, or no method there · login-refused · those of Client::call
Token login_userpass(Client& client, std::string_view user, const Secret& password,
                     std::string_view mount = "userpass");
Token login_ldap(Client& client, std::string_view user, const Secret& password, std::string_view mount = "ldap");
Token login_approle(Client& client, const Secret& role_id, const Secret& secret_id, std::string_view mount = "approle");
Token login_jwt(Client& client, std::string_view role, const Secret& jwt, std::string_view mount = "jwt");
/// `jwt`: of the pod's service account.
Token login_kubernetes(Client& client, std::string_view role, const Secret& jwt, std::string_view mount = "kubernetes");
/// With the TLS certificate of the client's settings. `role`: empty lets the server look for one that fits.
Token login_certificate(Client& client, std::string_view role, std::string_view mount = "cert");
/// A token that exists. @throws Error vault-token-dead
Token login_token(Client& client, Secret token);

/// What the token is and how long it lives. @throws Error vault-denied: its policies do not let it look itself up
Token look_up_self(Client& client);
/// @param increment  from now on; the server may give less   @throws Error vault-refused: not renewable
void renew_self(Client& client, Token& token, Duration increment);
/// One that is dead: fine. The client has none afterwards.
void revoke_self(Client& client);
/// Renews for as long again when it is due. To be called between steps. @return true: renewed
bool tend(Client& client, Token& token);

/// What a wrapping token carries, after a look at how it was made: one made by another request than the expected one was put
/// there by somebody else. It can be opened once.
/// @param made_by  paths of requests that may have made it: "auth/token/create", "auth/approle/role/ci/secret-id"
/// @throws Error vault-wrapping-invalid: spent, expired, or made by another request
Answer unwrap(Client& client, const Secret& wrapping, std::span<const std::string> made_by,
              std::vector<std::string_view> cut);
/// A login or a created token that was wrapped; the client uses it.
Token unwrap_token(Client& client, const Secret& wrapping, std::span<const std::string> made_by);
/// A secret id that was wrapped, of role `role`.
Secret unwrap_secret_id(Client& client, const Secret& wrapping, std::string_view role,
                        std::string_view mount = "approle");

}  // namespace ymgr::vault
