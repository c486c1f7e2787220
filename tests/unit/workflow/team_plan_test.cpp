#include "workflow/team_plan.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "base/text.hpp"
#include "policy/policy.hpp"
#include "support/thrown.hpp"
#include "workflow/team_roles.hpp"

namespace ymgr::team {
namespace {

Settings settings() {
  return {.address = "https://vault.corp.test:8200,https://vault2.corp.test:8200",
          .vault_namespace = "",
          .vault_ca_file = "",
          .auth = "ldap",
          .auth_mount = "people",
          .kv = "kv1",
          .transit = "transit1",
          .pki = "pki1",
          .database = "database1",
          .prefix = "pre-",
          .domains = {"corp.test", "10.0.0.0/8"},
          .host = "db.corp.test",
          .port = "5432",
          .database_name = "names",
          .database_ca_file = "",
          .roles = "grp_"};
}

CaPlan creating() {
  CaPlan plan;
  plan.ca = Ca::create;
  return plan;
}

std::string file_named(std::string_view name) {
  for (const auto& [path, text] : plan_files(settings(), {}))
    if (path == name) return text;
  FAIL("no file " << name);
  return {};
}

bool has_usage(const Json& role, std::string_view usage) {
  const std::pair<std::string_view, std::string_view> flags[] = {{"serverAuth", "server_flag"},
                                                                 {"clientAuth", "client_flag"},
                                                                 {"codeSigning", "code_signing_flag"},
                                                                 {"emailProtection", "email_protection_flag"}};
  for (const auto& [name, flag] : flags)
    if (name == usage) return role.at(flag).boolean();
  const auto more = role.texts_or_empty("ext_key_usage_oids");
  return std::ranges::find(more, eku_oid(usage)) != more.end();
}

TEST_CASE("every placeholder of the plan is filled in, but those of Vault") {
  for (const auto& [path, text] : plan_files(settings(), creating())) {
    CAPTURE(path);
    for (auto at = text.find("{{"); at != std::string::npos; at = text.find("{{", at + 2)) {
      const std::string word = text.substr(at + 2, text.find("}}", at) - at - 2);
      CAPTURE(word);
      const bool of_vault = word.starts_with("identity.entity.") || word == "name" || word == "username" ||
                            word == "password" || word == "expiration" || word.starts_with("random") ||
                            word == ".RoleName";
      CHECK(of_vault);
    }
  }
}

TEST_CASE("every name in the plan comes from the configuration") {
  for (const auto& [path, text] : plan_files(settings(), creating())) {
    CAPTURE(path);
    for (const char* name :
         {"yubikeys/", "\"transit/", "\"pki/", " pki/", "\"database/", "ymgr-admin", "ymgr_admin", "ymgr_owner"})
      CHECK(text.find(name) == std::string::npos);
  }
}

TEST_CASE("nobody below admin gets at what would make an admin of them") {
  std::vector<Privilege> privileges;
  make_policies(settings(), privileges);
  const char* never[] = {"sign-verbatim", "/issue/",     "issuer/",       "export",
                         "backup",        "restore",     "pki1/roles/+ ", "sys/policies/acl/+; ",
                         "entity-alias ", "auth/people", "sys/mounts/"};
  for (const auto& privilege : privileges) {
    if (privilege.who == "pre-admin") continue;
    CAPTURE(privilege.who);
    CAPTURE(privilege.what);
    const auto path = privilege.what.substr(0, privilege.what.find(';'));
    for (const char* word : never) CHECK(path.find(word) == std::string::npos);
    if (path.find("database1/config") != std::string::npos)
      CHECK(path.starts_with("read on "));  // it tells no password
    CHECK_FALSE(privilege.why.empty());
    const bool writes = path.find("create") != std::string::npos || path.find("update") != std::string::npos;
    if (path.find("identity/entity/id/") != std::string::npos && writes)
      CHECK(privilege.what.find("parameters: metadata = [] alone") != std::string::npos);
    if (path.starts_with("create") && path.find("transit1/keys/+") != std::string::npos)
      CHECK(privilege.what.find("never exportable = []") != std::string::npos);
  }
}

TEST_CASE("people set their own passwords where accounts are made here, and nowhere else") {
  const auto mentions = [](const Settings& with) {
    std::vector<Privilege> privileges;
    std::size_t count = 0;
    for (const Policy& policy : make_policies(with, privileges))
      if (policy.text.find("/users/{{identity.entity.name}}/password") != std::string::npos) ++count;
    return count;
  };
  Settings accounts = settings();
  accounts.auth = "userpass";
  CHECK(mentions(accounts) == std::size(role_names));
  CHECK(mentions(settings()) == 0);
}

TEST_CASE("a policy has each path once: of two the server takes one") {
  std::vector<Privilege> privileges;
  for (const Policy& policy : make_policies(settings(), privileges)) {
    std::vector<std::string> paths;
    for (const auto& line : split(policy.text, '\n'))
      if (line.starts_with("path ")) paths.push_back(line);
    std::ranges::sort(paths);
    CAPTURE(policy.name);
    CHECK(std::ranges::adjacent_find(paths) == paths.end());
  }
}

TEST_CASE("a service gets no address where no network is named") {
  Settings without = settings();
  without.domains = {"corp.test"};
  for (const auto& role : service_roles(without)) {
    CHECK_FALSE(role.body.at("allow_ip_sans").boolean());
    CHECK_FALSE(role.body.at("allow_any_name").boolean());
    CHECK(role.body.at("not_after_bound").text() == "ttl-limited");
  }
  CHECK(service_roles(settings()).front().body.at("allowed_ip_sans_cidr").items().front().text() == "10.0.0.0/8");
}

TEST_CASE("a person's roles allow that person's names alone") {
  const auto calls =
      person_calls(settings(), {"bob", "operator", "0a1b", {"bob", "bob@corp.test"}, "bob@ad.corp.test"});
  const char* paths[] = {"pki1/roles/piv-0a1b", "pki1/roles/email-0a1b", "pki1/roles/client-0a1b",
                         "pki1/roles/card-0a1b", "database1/roles/u-0a1b"};
  REQUIRE(calls.size() == std::size(paths));
  for (std::size_t i = 0; i < calls.size(); ++i) CHECK(calls[i].path == paths[i]);
  for (std::size_t i = 0; i < 4; ++i)
    CHECK(dump_json(calls[i].body.at("allowed_domains")) == R"(["bob","bob@corp.test"])");
  CHECK(dump_json(calls[0].body.at("allowed_other_sans")) == R"(["1.3.6.1.4.1.311.20.2.3;UTF8:bob@ad.corp.test"])");
  CHECK(calls[1].body.find("allowed_other_sans") == nullptr);
  CHECK(calls[1].body.at("email_protection_flag").boolean());
  CHECK_FALSE(calls[1].body.at("client_flag").boolean());
  CHECK(dump_json(calls[4].body.at("creation_statements")).find(R"(IN ROLE \"grp_operator\")") != std::string::npos);
}

TEST_CASE("a login at the database ends after an hour unless it is renewed, and an admin's after an hour anyway") {
  for (const auto role : role_names) {
    CAPTURE(role);
    const auto body = database_role(settings(), {"bob", std::string(role), "0a1b", {"bob"}, ""}).body;
    CHECK(body.at("default_ttl").text() == "1h");
    CHECK(body.at("max_ttl").text() == (role == "admin" ? "1h" : "8h"));
  }
}

TEST_CASE("each profile of the first policy has a role of the CA that has its usages") {
  struct Row {
    const char* profile;
    KeyAlgorithm key;
    Role role;
    const char* want;
  };
  const Row rows[] = {{"tls-server", KeyAlgorithm::ec_p384, Role::operator_, "pre-tls-server-ec"},
                      {"service", KeyAlgorithm::rsa_4096, Role::admin, "pre-service-rsa"},
                      {"code-signing", KeyAlgorithm::ed25519, Role::operator_, "pre-code-signing-ed25519"},
                      {"tls-client", KeyAlgorithm::ec_p256, Role::operator_, "pre-tls-client-ec"},
                      {"tls-client", KeyAlgorithm::ec_p256, Role::user, "client-0a1b"},
                      {"email", KeyAlgorithm::rsa_3072, Role::user, "email-0a1b"},
                      {"piv-auth", KeyAlgorithm::ec_p384, Role::admin, "piv-0a1b"},
                      {"card-auth", KeyAlgorithm::ec_p384, Role::operator_, "card-0a1b"}};
  const auto policy = ymgr::Policy::parse(default_policy("internal"), "policy.yaml");
  auto calls = service_roles(settings());
  for (auto& call : person_calls(settings(), {"bob", "user", "0a1b", {"bob"}, ""})) calls.push_back(std::move(call));
  for (const auto& row : rows) {
    CAPTURE(row.profile);
    const auto role = pki_role(settings(), row.profile, row.key, {row.role, "0a1b"});
    CHECK(role == row.want);
    const auto call = std::ranges::find(calls, "pki1/roles/" + role, &VaultCall::path);
    REQUIRE(call != calls.end());
    for (const auto& usage : policy.profiles().at(row.profile).eku) CHECK(has_usage(call->body, usage));
  }
  CHECK_CODE(pki_role(settings(), "own-one", KeyAlgorithm::ec_p256, {Role::admin, "0a1b"}), Code::ca_refused);
}

TEST_CASE("without --create-ca no CA is made, and TLS to the database is verified") {
  CHECK(file_named("vault.sh").find("generate/internal") == std::string::npos);
  CHECK(file_named("vault.sh").find("db.corp.test:5432/names?sslmode=verify-full") != std::string::npos);
}

}  // namespace
}  // namespace ymgr::team
