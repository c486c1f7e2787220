#include "vault/auth.hpp"

#include <doctest/doctest.h>

#include "base/text.hpp"
#include "http/server.hpp"
#include "support/test_clock.hpp"
#include "support/thrown.hpp"
#include "support/vault.hpp"
#include "x509/key.hpp"

namespace {
using namespace ymgr;
using namespace ymgr::vault;
using std::chrono::minutes;
using std::chrono::seconds;
using test::openbao;
using test::vault_of;

void enable(const char* mount, const char* type) {
  openbao().api("POST", std::string("sys/auth/") + mount, Json::object({{"type", type}}));
}
Client stranger() {
  return Client({.addresses = {openbao().address()}, .ca_file = openbao().ca_file()});
}
Secret text_at(const Json& json, std::string_view object, std::string_view member) {
  return Secret(json.at(object).at(member).text());
}

TEST_CASE("a user logs in with a password, and an account that was tried too often is locked") {
  enable("team/people", "userpass");
  openbao().api("POST", "auth/team/people/users/alice",
                Json::object({{"password", "sesame \"1\""}, {"token_ttl", "15m"}}));
  Client client = stranger();
  const Token token = login_userpass(client, "alice", Secret("sesame \"1\""), "team/people");
  CHECK(token.secret.reveal() == client.token().reveal());
  CHECK(!token.accessor.empty());
  CHECK(!token.entity_id.empty());
  CHECK(token.display_name == "team-people-alice");
  CHECK(token.policies == std::vector<std::string>{"default"});
  CHECK(token.metadata == std::vector<std::pair<std::string, std::string>>{{"username", "alice"}});
  REQUIRE(token.term.expires_at);
  CHECK(*token.term.expires_at - token.term.began == Duration(minutes(15)));
  CHECK(token.term.renewable);
  for (int i = 0; i < 5; ++i)
    CHECK_CODE(login_userpass(client, "alice", Secret("wrong"), "team/people"), Code::wrong_password);
  CHECK_CODE(login_userpass(client, "alice", Secret("sesame \"1\""), "team/people"), Code::locked_out);
  CHECK_CODE(login_userpass(client, "bob", Secret("wrong"), "team/people"), Code::wrong_password);
  const auto nowhere = thrown([&] { login_userpass(client, "alice", Secret("x"), "nowhere"); });
  REQUIRE(nowhere);
  CHECK(nowhere->kind() == Kind::denied);
  CHECK_CODE(login_userpass(client, "../alice", Secret("x"), "team/people"), Code::usage);
}

TEST_CASE("a program logs in with a role, its secret id wrapped on the way") {
  enable("approle", "approle");
  openbao().api("POST", "auth/approle/role/ci", Json::object({{"token_ttl", "1h"}, {"secret_id_num_uses", 1}}));
  const Secret role_id = text_at(openbao().api("GET", "auth/approle/role/ci/role-id"), "data", "role_id");
  Client root = vault_of(openbao()), client = stranger();
  const Answer wrapped = root.call({.method = "POST",
                                    .path = Path("auth/approle/role/ci/secret-id"),
                                    .cut = {"wrap_info.token"},
                                    .effect = http::Effect::changes,
                                    .wrap = seconds(60)});
  const Secret secret_id = unwrap_secret_id(client, wrapped.secrets.front(), "ci");
  CHECK_CODE(unwrap_secret_id(client, wrapped.secrets.front(), "ci"), Code::vault_wrapping_invalid);
  const Token token = login_approle(client, role_id, secret_id);
  CHECK(token.display_name == "approle");
  CHECK_CODE(login_approle(client, role_id, secret_id), Code::login_refused);  // spent
}

TEST_CASE("a wrapping token that was made by something else is not opened") {
  Client root = vault_of(openbao()), client = stranger();
  const auto wrap = [&](const char* path) {
    Answer answer = root.call({.method = "POST",
                               .path = Path(path),
                               .cut = {"wrap_info.token"},
                               .effect = http::Effect::changes,
                               .wrap = seconds(60)});
    return std::move(answer.secrets.front());
  };
  const std::string made_by[] = {"auth/token/create"};
  const Secret foreign = wrap("sys/tools/random"), good = wrap("auth/token/create");
  CHECK_CODE(unwrap_token(client, foreign, made_by), Code::vault_wrapping_invalid);
  CHECK_NOTHROW(unwrap(client, foreign, std::vector<std::string>{"sys/tools/random"}, {}));  // still closed
  const Token token = unwrap_token(client, good, made_by);
  CHECK(token.policies == std::vector<std::string>{"root"});
  CHECK(client.token().reveal() == token.secret.reveal());
}

struct JwtIssuer {
  SigningKeys keys = make_signing_keys();
  std::string pem() const {
    constexpr std::string_view ed25519_spki("\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00", 12);
    return to_pem(Der{std::string(ed25519_spki) + keys.public_key}, "PUBLIC KEY");
  }
  Secret token(const Json& claims) const {
    const std::string signed_part =
        to_base64url(R"({"alg":"EdDSA","typ":"JWT"})") + "." + to_base64url(dump_json(claims));
    return Secret(signed_part + "." + to_base64url(sign_detached(keys, signed_part)));
  }
};

TEST_CASE("a token of another issuer logs in, and what is wrong with it is told in clear") {
  enable("jwt", "jwt");
  const JwtIssuer issuer;
  openbao().api("POST", "auth/jwt/config",
                Json::object({{"jwt_validation_pubkeys", Json::texts({issuer.pem()})},
                              {"jwt_supported_algs", Json::texts({"EdDSA"})},
                              {"bound_issuer", "https://ci.example.com"}}));
  openbao().api(
      "POST", "auth/jwt/role/ci",
      Json::object({{"role_type", "jwt"}, {"user_claim", "sub"}, {"bound_audiences", Json::texts({"ymgr"})}}));
  const auto claims = [](const char* audience, Time expires) {
    return Json::object({{"iss", "https://ci.example.com"},
                         {"aud", audience},
                         {"sub", "deploy"},
                         {"iat", to_seconds(now() - seconds(10))},
                         {"exp", to_seconds(expires)}});
  };
  Client client = stranger();
  const Token token = login_jwt(client, "ci", issuer.token(claims("ymgr", now() + minutes(5))));
  CHECK(token.display_name == "jwt-deploy");
  for (const auto& bad : {claims("other", now() + minutes(5)), claims("ymgr", now() - minutes(60))}) {
    const auto error = thrown([&] { login_jwt(client, "ci", issuer.token(bad)); });
    REQUIRE(error);
    CHECK(error->code() == Code::login_refused);
    CHECK(std::string(error->what()).find(bad.at("aud").text() == "other" ? "audience" : "expired") !=
          std::string::npos);
  }
}

/// Stands for a cluster's API server: knows one service account, by a token that it does not look into.
http::Response review(const http::Request& request) {
  if (request.path != "/apis/authentication.k8s.io/v1/tokenreviews") return {404, "application/json", "{}", {}};
  const bool known = parse_json(request.body).at("spec").at("token").text().ends_with("." + to_base64url("known"));
  const Json user = Json::object({{"username", "system:serviceaccount:apps:ymgr"}, {"uid", "u-1"}});
  const Json status = Json::object({{"authenticated", known}, {"user", user}});
  const Json answer =
      Json::object({{"apiVersion", "authentication.k8s.io/v1"}, {"kind", "TokenReview"}, {"status", status}});
  return {201, "application/json", dump_json(answer), {}};
}

TEST_CASE("a pod logs in with its service account, which the cluster is asked about") {
  const http::Server cluster({}, review);
  enable("kubernetes", "kubernetes");
  openbao().api("POST", "auth/kubernetes/config",
                Json::object({{"kubernetes_host", "http://127.0.0.1:" + std::to_string(cluster.port())},
                              {"kubernetes_ca_cert", read_file(openbao().ca_file())},
                              {"token_reviewer_jwt", "reviewer"}}));
  openbao().api("POST", "auth/kubernetes/role/ymgr",
                Json::object({{"bound_service_account_names", "ymgr"}, {"bound_service_account_namespaces", "apps"}}));
  const auto token = [](const std::string& signature) {
    const Json claims = Json::object({{"iss", "kubernetes/serviceaccount"},
                                      {"kubernetes.io/serviceaccount/namespace", "apps"},
                                      {"kubernetes.io/serviceaccount/service-account.name", "ymgr"},
                                      {"kubernetes.io/serviceaccount/service-account.uid", "u-1"},
                                      {"sub", "system:serviceaccount:apps:ymgr"}});
    return Secret(to_base64url(R"({"alg":"RS256","typ":"JWT"})") + "." + to_base64url(dump_json(claims)) + "." +
                  to_base64url(signature));
  };
  Client client = stranger();
  CHECK(login_kubernetes(client, "ymgr", token("known")).display_name == "kubernetes-apps-ymgr");
  CHECK_CODE(login_kubernetes(client, "ymgr", token("forged")), Code::login_refused);
  CHECK_CODE(login_kubernetes(client, "other", token("known")), Code::login_refused);
}

TEST_CASE("a TLS certificate logs in, and one that may not say who it is does not") {
  enable("cert", "cert");
  openbao().api("POST", "auth/cert/certs/piv",
                Json::object({{"certificate", read_file(openbao().ca_file())}, {"allowed_common_names", "alice"}}));
  const auto with = [](const char* name, const char* eku) {
    const auto identity = std::make_shared<http::ClientIdentity>(openbao().tls_ca().issue(name, "", eku));
    return Client({.addresses = {openbao().address()}, .ca_file = openbao().ca_file(), .identity = identity});
  };
  Client alice = with("alice", "clientAuth"), bob = with("bob", "clientAuth"), server = with("alice", "serverAuth");
  const Token token = login_certificate(alice, "piv");
  CHECK(token.display_name == "cert-piv");
  CHECK(login_certificate(alice, "").entity_id == token.entity_id);
  Client nobody = stranger();
  CHECK_CODE(login_certificate(bob, "piv"), Code::login_refused);
  CHECK_CODE(login_certificate(server, "piv"), Code::login_refused);
  CHECK_CODE(login_certificate(nobody, "piv"), Code::login_refused);
}

TEST_CASE("a token is looked up, renewed when it is due, and revoked") {
  const Json made = openbao().api("POST", "auth/token/create",
                                  Json::object({{"ttl", "30m"}, {"policies", Json::texts({"default"})}}));
  Client client = stranger();
  Token token = login_token(client, text_at(made, "auth", "client_token"));
  CHECK(token.display_name == "token");
  REQUIRE(token.term.expires_at);
  CHECK(!tend(client, token));
  {
    test::TestClock clock(now() + minutes(21));  // two thirds
    CHECK(tend(client, token));
    CHECK(*token.term.expires_at - token.term.began >= Duration(minutes(29)));
    CHECK(!tend(client, token));
  }
  renew_self(client, token, minutes(5));
  CHECK(*token.term.expires_at - token.term.began == Duration(minutes(5)));
  const Secret secret = client.token().clone();
  revoke_self(client);
  CHECK(client.token().empty());
  client.use_token(secret);
  CHECK_CODE(look_up_self(client), Code::vault_token_dead);
  CHECK_CODE(renew_self(client, token, minutes(5)), Code::vault_token_dead);
  CHECK_NOTHROW(revoke_self(client));  // dead already
  Client root = vault_of(openbao());
  CHECK(!look_up_self(root).term.expires_at);
}

TEST_CASE("a token that can't be renewed says so") {
  const Json made = openbao().api("POST", "auth/token/create", Json::object({{"ttl", "30m"}, {"renewable", false}}));
  Client client = stranger();
  Token token = login_token(client, text_at(made, "auth", "client_token"));
  CHECK(!token.term.due_at());
  CHECK_CODE(renew_self(client, token, minutes(5)), Code::vault_refused);
}

}  // namespace
