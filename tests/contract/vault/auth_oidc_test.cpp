// The browser's login, with OpenBao as the provider too, and a browser that is none.
#include "vault/auth_oidc.hpp"

#include <doctest/doctest.h>

#include "base/workers.hpp"
#include "support/thrown.hpp"
#include "support/vault.hpp"

namespace {
using namespace ymgr;
using namespace ymgr::vault;
using test::openbao;

constexpr const char* redirect = "http://localhost:8250/oidc/callback";  // any port, for hosts of this kind

/// A provider, and an auth method that trusts it. @return the token of somebody who has an account there
const Secret& provider_account() {
  static const Secret token = [] {
    openbao().api("POST", "identity/oidc/key/browser",
                  Json::object({{"algorithm", "RS256"}, {"allowed_client_ids", Json::texts({"*"})}}));
    openbao().api("POST", "identity/oidc/client/ymgr",
                  Json::object({{"redirect_uris", Json::texts({redirect})},
                                {"assignments", Json::texts({"allow_all"})},
                                {"key", "browser"}}));
    openbao().api("POST", "identity/oidc/provider/p",
                  Json::object({{"allowed_client_ids", Json::texts({"*"})}, {"issuer", openbao().address()}}));
    const Json made = openbao().api("GET", "identity/oidc/client/ymgr").at("data");
    openbao().api("POST", "sys/auth/oidc", Json::object({{"type", "jwt"}}));
    openbao().api("POST", "auth/oidc/config",
                  Json::object({{"oidc_discovery_url", openbao().address() + "/v1/identity/oidc/provider/p"},
                                {"oidc_discovery_ca_pem", read_file(openbao().ca_file())},
                                {"oidc_client_id", made.at("client_id").text()},
                                {"oidc_client_secret", made.at("client_secret").text()},
                                {"default_role", "people"}}));
    openbao().api(
        "POST", "auth/oidc/role/people",
        Json::object(
            {{"role_type", "oidc"}, {"user_claim", "sub"}, {"allowed_redirect_uris", Json::texts({redirect})}}));
    openbao().api("POST", "auth/oidc/role/elsewhere",
                  Json::object({{"role_type", "oidc"},
                                {"user_claim", "sub"},
                                {"allowed_redirect_uris", Json::texts({"https://elsewhere/cb"})}}));
    openbao().api("POST", "sys/auth/oidc-accounts", Json::object({{"type", "userpass"}}));
    openbao().api("POST", "auth/oidc-accounts/users/olga", Json::object({{"password", "sesame"}}));
    const Json login = openbao().api("POST", "auth/oidc-accounts/login/olga", Json::object({{"password", "sesame"}}));
    return Secret(login.at("auth").at("client_token").text());
  }();
  return token;
}

/// Goes where a browser would go, on a thread of its own.
class Browser {
 public:
  void open(const std::string& url, const std::string& denial = {}) {
    worker_.run([url, denial] {
      const std::string query = url.substr(url.find('?') + 1), state = *query_value(query, "state");
      std::string back = "error=" + denial;
      if (denial.empty()) {
        Client account = test::vault_of(openbao());
        account.use_token(provider_account());
        Path path("identity/oidc/provider/p/authorize");
        for (const char* name : {"client_id", "code_challenge", "code_challenge_method", "nonce", "redirect_uri",
                                 "response_type", "scope", "state"}) {
          path.ask(name, *query_value(query, name));
        }
        back = "code=" + account.call({.path = path}).document.at("code").text();
      }
      const std::string uri = *query_value(query, "redirect_uri");
      const std::string port = uri.substr(uri.rfind(':') + 1, uri.find('/', uri.rfind(':')) - uri.rfind(':') - 1);
      http::Client client({.base_url = "http://127.0.0.1:" + port, .peer_name = "the listener"});
      if (client.send({.path = "/oidc/callback?code=x&state=guessed"}).status != 400) return;  // then nobody comes
      client.send({.path = "/oidc/callback?" + back + "&state=" + percent_encode(state)});
    });
  }

 private:
  Worker worker_;
};

TEST_CASE("a person logs in with a browser") {
  provider_account();
  Browser browser;
  Client client({.addresses = {openbao().address()}, .ca_file = openbao().ca_file()});
  OidcLogin login{.port = 0, .patience = std::chrono::seconds(20)};
  login.show = [&](const std::string& url) { browser.open(url); };
  const Token token = login_oidc(client, login);
  CHECK(token.display_name.starts_with("oidc-"));
  CHECK(!token.entity_id.empty());
  CHECK(look_up_self(client).accessor == token.accessor);
}

TEST_CASE("a login that the provider or the role refuses, or that nobody makes, ends") {
  provider_account();
  Browser browser;
  Client client({.addresses = {openbao().address()}, .ca_file = openbao().ca_file()});
  OidcLogin login{.port = 0, .patience = std::chrono::seconds(20)};
  login.show = [&](const std::string& url) { browser.open(url, "access_denied"); };
  CHECK(message_of([&] { login_oidc(client, login); }) == "the provider refuses the login: access_denied");
  login.role = "elsewhere";
  CHECK_CODE(login_oidc(client, login), Code::login_refused);
  login.role = "none";
  CHECK_CODE(login_oidc(client, login), Code::login_refused);
  login.role = "people";
  login.patience = std::chrono::milliseconds(50);
  login.show = [](const std::string&) {};
  CHECK_CODE(login_oidc(client, login), Code::login_refused);
}

}  // namespace
