// Each call that is denied names the line of policy that grants it.
#include <doctest/doctest.h>

#include <set>

#include "support/thrown.hpp"
#include "support/vault.hpp"
#include "vault/auth.hpp"
#include "vault/identity.hpp"
#include "vault/kv.hpp"
#include "vault/pki.hpp"
#include "vault/transit.hpp"

namespace {
using namespace ymgr;
using namespace ymgr::vault;
using test::openbao;

void prepare() {
  test::mount("denied-kv", Json::object({{"type", "kv"}, {"options", Json::object({{"version", "2"}})}}));
  test::mount("denied-transit", Json::object({{"type", "transit"}}));
  test::mount("denied-pki", Json::object({{"type", "pki"}}));
  openbao().api("POST", "denied-pki/root/generate/internal",
                Json::object({{"common_name", "Test"}, {"ttl", "700h"}, {"key_type", "ec"}}));
  openbao().api(
      "POST", "denied-pki/roles/web",
      Json::object(
          {{"allow_any_name", true}, {"key_type", "any"}, {"use_csr_common_name", false}, {"use_csr_sans", false}}));
  openbao().api("POST", "identity/entity", Json::object({{"name", "denied"}}));
}

/// Grants what is missing until the call goes through.
template <class Ask>
void grant_and_repeat(Ask&& ask) {
  std::set<std::string> lines;
  Client client = test::vault_with_policy("denied", "");
  while (true) {
    const auto error = thrown([&] { ask(client); });
    if (!error) break;
    CAPTURE(error->what());
    REQUIRE(error->code() == Code::vault_denied);
    REQUIRE(lines.insert(*error->detail("policy")).second);  // the line before it has helped
    std::string policy;
    for (const auto& line : lines) policy += line + "\n";
    openbao().api("PUT", "sys/policies/acl/denied", Json::object({{"policy", policy}}));
  }
  CHECK(!lines.empty());
}

TEST_CASE("whoever gets the lines of policy that the errors name can do it") {
  prepare();
  const std::int64_t first[] = {1};
  const std::string inputs[] = {"a"};
  const RequestedNames names = {"web.example.com", {{SanKind::dns, "web.example.com"}}};
  const Der csr = make_csr(PrivateKey::generate(KeyAlgorithm::ec_p256), names);
  grant_and_repeat([&](Client& client) {
    static std::int64_t version = 0;  // what was done stays done
    Kv kv(client, "denied-kv");
    if (version == 0) version = kv.write("a", Secret("{}"), 0);
    if (version == 1) version = kv.write("a", Secret("{}"), 1);
    kv.read("a");
    kv.set_custom("a", {});
    kv.metadata("a");
    kv.list("");
    kv.destroy("a", first);
    kv.forget("a");
  });
  grant_and_repeat([&](Client& client) {
    Transit transit(client, "denied-transit");
    const TransitKey key = transit.ensure("k", KeyAlgorithm::ec_p256);
    transit.certificate_request("k", names, key.public_key());
    transit.sign("k", inputs, {});
    transit.list();
    transit.destroy("k");
  });
  grant_and_repeat([&](Client& client) {
    Pki pki(client, "denied-pki");
    const Certificate made =
        pki.sign({.csr = csr, .role = "web", .names = names, .life = std::chrono::hours(1)}).certificate;
    pki.find({.common_name = "nobody"});
    pki.revoke(made.serial);
    pki.rotate_crl();
    pki.issuers();
    pki.read(made.serial);
  });
  grant_and_repeat([&](Client& client) {
    const auto entity = entity_by_name(client, "denied");
    set_entity_metadata(client, entity->id, {{"serial", "1"}});
  });
}

}  // namespace
