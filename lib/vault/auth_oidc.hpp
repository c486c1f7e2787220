// Logging in through a browser: OpenID Connect, with a listener on this host that the browser comes back to (RFC 8252).
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "vault/auth.hpp"

namespace ymgr::vault {

struct OidcLogin {
  std::string role = {};  // empty: the mount's default
  std::string mount = "oidc";
  std::string address = "127.0.0.1";  // to listen on
  /// Of http://localhost:PORT/oidc/callback, which the role has among its allowed_redirect_uris; 0: any free one.
  std::uint16_t port = 8250;
  Duration patience = std::chrono::minutes(5);  // with the person
  /// Gets the address that a browser is to open.
  std::function<void(const std::string& url)> show = {};
};

/// Waits until the browser has come back. @throws Error login-refused: the provider or the role says no, or nobody came in time ·
/// address-in-use · interrupted · those of the other logins
Token login_oidc(Client& client, const OidcLogin& login);

/// What the browser brings. One of the two is empty.
struct OidcCallback {
  std::string code, error;
};
/// @param query  of the address that the browser came back to   @return nullopt: it belongs to another login
std::optional<OidcCallback> read_oidc_callback(std::string_view query, std::string_view state);
/// The value of a parameter of a query; nullopt: it is not there once, or is no percent-encoded text.
std::optional<std::string> query_value(std::string_view query, std::string_view name);

}  // namespace ymgr::vault
