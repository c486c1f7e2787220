// What proves a login to the agent, whoever signs it.
#include <doctest/doctest.h>

#include "session/tokens_vault.hpp"
#include "support/database.hpp"
#include "support/thrown.hpp"
#include "support/vault.hpp"
#include "vault/auth.hpp"

namespace {
using namespace ymgr;

void identity_tokens_contract(IdentityTokens& tokens, const std::string& user) {
  const Session session({"alice", Role::user}, "s-1", now() + std::chrono::hours(1), std::nullopt);
  const agent::TokenIssuer keys[] = {agent::parse_token_keys(agent::dump_token_keys(tokens.issuer()))};
  const auto token = tokens.token(session);
  const auto proven = agent::verify_token(token.text, keys, now());
  CHECK(proven.user == user);
  CHECK(token.expires_at > now());
  CHECK(token.expires_at <= now() + agent::longest_token_life);
  CHECK_CODE(agent::verify_token(token.text, keys, token.expires_at + std::chrono::seconds(1)), Code::token_refused);
  agent::TokenIssuer others[] = {keys[0]};
  others[0].issuer += "x";
  CHECK_CODE(agent::verify_token(token.text, others, now()), Code::token_refused);
}

TEST_CASE("tokens of an embedded profile keep the contract") {
  const test::TestDatabase database;
  const auto tokens = open_sealed_tokens(*database, test::test_data_key());
  identity_tokens_contract(*tokens, "alice");
}

TEST_CASE("tokens that Vault signs keep the contract") {
  auto& bao = test::openbao();
  bao.api("POST", "sys/auth/people", Json::object({{"type", "userpass"}}));
  bao.api("PUT", "sys/policies/acl/tokens",
          Json::object({{"policy", "path \"identity/oidc/token/agent\" { capabilities = [\"read\"] }"}}));
  bao.api("POST", "auth/people/users/alice",
          Json::object({{"password", "sesame"}, {"token_policies", Json::texts({"tokens"})}}));
  bao.api("POST", "identity/oidc/key/agent",
          Json::object({{"algorithm", "ES256"}, {"allowed_client_ids", Json::texts({"ymgr-agent"})}}));
  bao.api("POST", "identity/oidc/role/agent",
          Json::object({{"key", "agent"}, {"client_id", "ymgr-agent"}, {"ttl", "15m"}}));
  auto client = test::vault_of(bao);
  const auto login = vault::login_userpass(client, "alice", Secret("sesame"), "people");
  const auto tokens = open_vault_tokens(client, "agent");
  identity_tokens_contract(*tokens, login.entity_id);
}

}  // namespace
