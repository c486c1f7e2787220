// What a real server refuses, and what the client makes of it.
#include "vault/client.hpp"

#include <doctest/doctest.h>
#include <signal.h>

#include "support/openbao.hpp"
#include "support/thrown.hpp"
#include "support/vault.hpp"

namespace {
using namespace ymgr;
using namespace ymgr::vault;
using test::openbao;
using test::OpenBao;
using test::OpenBaoState;
using test::vault_of;

TEST_CASE("refusals of a real server are told apart") {
  test::mount("kv-refusals", Json::object({{"type", "kv"}, {"options", Json::object({{"version", "2"}})}}));
  Client client = vault_of(openbao());
  const auto code = [&](Client& by, const char* method, const char* path) {
    return code_of([&] { by.call({.method = method, .path = Path(path)}); });
  };
  CHECK(code(client, "GET", "kv-refusals/data/none") == Code::vault_not_found);
  CHECK(code(client, "GET", "no-such-mount/x") == Code::vault_mount_missing);
  CHECK(code(client, "POST", "sys/health") == Code::vault_refused);
  CHECK(code(client, "GET", "kv-refusals/x") == Code::vault_not_found);
  Client elsewhere(
      ClientSettings{.addresses = {openbao().address()}, .name_space = "nowhere", .ca_file = openbao().ca_file()});
  CHECK(code(elsewhere, "GET", "kv/x") == Code::vault_mount_missing);
  Client limited = test::vault_with_policy("limited", R"(path "kv-refusals/data/mine" { capabilities = ["read"] })");
  CHECK(code(limited, "GET", "kv-refusals/data/mine") == Code::vault_not_found);
  const auto denied = thrown([&] { limited.call({.method = "LIST", .path = Path("kv-refusals/metadata")}); });
  REQUIRE(denied);
  CHECK(denied->code() == Code::vault_denied);
  CHECK(*denied->detail("policy") == R"(path "kv-refusals/metadata" { capabilities = ["list"] })");
  openbao().api("POST", "auth/token/revoke", Json::object({{"token", limited.token().reveal()}}));
  CHECK(code(limited, "GET", "kv-refusals/data/mine") == Code::vault_token_dead);
}

TEST_CASE("the line of policy that an error names grants it") {
  test::mount("kv-grants", Json::object({{"type", "kv"}, {"options", Json::object({{"version", "2"}})}}));
  std::string policy;
  Client client = test::vault_with_policy("grants", policy);
  const Call calls[] = {
      {.method = "LIST", .path = Path("kv-grants/metadata")},
      {.path = Path("kv-grants/config")},
      {.method = "POST",
       .path = Path("kv-grants/config"),
       .body = Json::object({{"max_versions", 5}}),
       .effect = http::Effect::changes},
      {.method = "DELETE", .path = Path("kv-grants/metadata/a b"), .effect = http::Effect::changes},
  };
  for (const Call& call : calls) {
    const auto denied = thrown([&] { client.call(call); });
    CAPTURE(call.method);
    REQUIRE(denied);
    REQUIRE(denied->code() == Code::vault_denied);
    policy += *denied->detail("policy") + "\n";
    openbao().api("PUT", "sys/policies/acl/grants", Json::object({{"policy", policy}}));
    const auto after = code_of([&] { client.call(call); });
    CHECK((!after || after == Code::vault_not_found));
  }
}

TEST_CASE("a server that is sealed, not initialised, killed or stopped is told apart") {
  OpenBao bao(OpenBaoState::uninitialised);
  set_pause([](Duration) {});
  const auto code = [&](Duration timeout) {
    Client client = vault_of(bao, timeout);
    client.use_token(Secret("s.none"));
    return code_of([&] { client.call({.path = Path("kv/x")}); });
  };
  const Duration enough = std::chrono::seconds(60), little = std::chrono::milliseconds(300);
  CHECK(!vault_of(bao).health().initialised);
  CHECK(code(enough) == Code::vault_uninitialised);
  bao.initialise();
  CHECK(vault_of(bao).health().sealed);
  CHECK(code(enough) == Code::vault_sealed);
  bao.unseal();
  const Health health = vault_of(bao).health();
  CHECK(health.initialised);
  CHECK(!health.sealed);
  CHECK(!health.standby);
  CHECK(health.version == "2.7.2");
  CHECK(code(enough) == Code::vault_token_dead);
  ::kill(bao.pid(), SIGSTOP);
  CHECK(code(little) == Code::vault_unreachable);
  ::kill(bao.pid(), SIGCONT);
  bao.seal();
  CHECK(code(enough) == Code::vault_sealed);
  ::kill(bao.pid(), SIGKILL);
  CHECK(code(enough) == Code::vault_unreachable);
  set_pause(nullptr);
}

TEST_CASE("an operation's name and a namespace arrive at the server") {
  openbao().api("POST", "sys/config/auditing/request-headers/X-Ymgr-Op", Json::object({{"hmac", false}}));
  Client client = vault_of(openbao());
  client.name_operation("req-20261122-audited");
  CHECK_CODE(client.call({.path = Path("no-such-mount/x")}), Code::vault_mount_missing);
  CHECK(openbao().audit_log().find("req-20261122-audited") != std::string::npos);
  openbao().api("POST", "sys/namespaces/team1");
  Client inside = vault_of(openbao(), std::chrono::seconds(60), "team1");
  test::mount("kv-inside", Json::object({{"type", "kv"}}), "team1/");
  inside.call({.method = "POST",
               .path = Path("kv-inside/a"),
               .body = Json::object({{"b", "c"}}),
               .effect = http::Effect::changes});
  CHECK(inside.call({.path = Path("kv-inside/a")}).data().at("b").text() == "c");
  CHECK_CODE(client.call({.path = Path("kv-inside/a")}), Code::vault_mount_missing);
}

TEST_CASE("a rate quota is waited for, and told apart when it does not end") {
  test::mount("kv-quota", Json::object({{"type", "kv"}}));
  openbao().api("POST", "sys/quotas/rate-limit/small",
                Json::object({{"path", "kv-quota"}, {"rate", 1}, {"interval", "60s"}}));
  Client client = vault_of(openbao(), std::chrono::milliseconds(300));
  std::optional<Code> code;
  for (int i = 0; i < 3; ++i)
    code = code_of([&] { client.call({.path = Path("kv-quota/x"), .missing = Missing::answers}); });
  CHECK(code == Code::vault_rate_limited);
  openbao().api("DELETE", "sys/quotas/rate-limit/small");
}

}  // namespace
