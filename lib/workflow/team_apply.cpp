#include "workflow/team_apply.hpp"

#include "authority/authority_vault.hpp"
#include "base/error.hpp"
#include "base/text.hpp"
#include "sql/settings.hpp"
#include "workflow/init.hpp"
#include "workflow/team_people.hpp"

namespace ymgr::team {
namespace {

using vault::Client;
using vault::Path;

void make_mount(Client& client, const VaultMount& mount, Applied& applied) {
  const auto there = client.call({.path = Path("sys/" + mount.table)}).data();
  const Json* found = there.find(mount.path + "/");
  if (found != nullptr && found->text_or("type", "") != mount.type)
    throw Error(Code::vault_refused,
                "at " + mount.path + " stands no " + mount.type + ", but " + found->text_or("type", ""),
                "Name another mount in the configuration");
  if (found != nullptr && found->text_or("description", "") != half_made)
    return applied.kept.push_back("mount " + mount.path);
  if (found == nullptr) send(client, {"POST", "sys/" + mount.table + "/" + mount.path, mount.why, mount.body});
  for (const VaultCall& call : mount.first) send(client, call);
  if (!mount.first.empty()) send(client, finish(mount));
  applied.made.push_back("mount " + mount.path);
}

Json issuer_body(std::string_view name, int key_bits, std::string_view life) {
  return Json::object({{"common_name", name}, {"key_type", "ec"}, {"key_bits", key_bits}, {"ttl", life}});
}

/// A root of 15 years in a mount of its own, and an issuing CA of 5 years below it. A root that stands there already serves: two
/// would be of one name, and the first signs.
void make_ca(const Settings& settings, const CaPlan& plan, Client& client, Applied& applied) {
  const std::string root = settings.pki + "-root";
  if (!vault::list(client, Path(settings.pki) / "issuers").empty()) {
    applied.kept.emplace_back("CA");
    return;
  }
  make_mount(client,
             {"mounts",
              root,
              "pki",
              "",
              Json::object({{"type", "pki"}, {"config", Json::object({{"max_lease_ttl", "131400h"}})}}),
              {}},
             applied);
  const auto ask = [&](const std::string& path, Json body) {
    return client.call({.method = "POST", .path = Path(path), .body = std::move(body), .effect = http::Effect::changes})
        .data();
  };
  if (vault::list(client, Path(root) / "issuers").empty())
    ask(root + "/root/generate/internal", issuer_body(plan.name + " root", 384, "131400h"));
  // What a set-up that was cut short has left goes: whoever made it may know it.
  const std::string key = settings.pki + "/key/" + std::string(unfinished_key);
  client.call({.method = "DELETE", .path = Path(key), .effect = http::Effect::changes});
  const Json request = ask(settings.pki + "/intermediate/generate/internal",
                           issuer_body(plan.name, 256, "43800h").set("key_name", unfinished_key));
  const Json made =
      ask(root + "/root/sign-intermediate",
          Json::object(
              {{"csr", request.at("csr")}, {"common_name", plan.name}, {"ttl", "43800h"}, {"max_path_length", 0}}));
  ask(settings.pki + "/intermediate/set-signed",
      Json::object({{"certificate", made.at("certificate").text() + "\n" + made.at("issuing_ca").text()}}));
  ask(key, Json::object({{"key_name", ""}}));
  applied.made.emplace_back("CA");
}

void write_policy(Client& client, const Policy& policy, Applied& applied) {
  const Path path("sys/policies/acl/" + policy.name);
  const auto there = client.call({.path = path, .missing = vault::Missing::answers});
  if (there.status != 404 && there.data().text_or("policy", "") == policy.text)
    return applied.kept.push_back("policy " + policy.name);
  send(client, {"POST", "sys/policies/acl/" + policy.name, "", Json::object({{"policy", policy.text}})});
  applied.made.push_back("policy " + policy.name);
}

/// Its first password lives until Vault has changed it, a moment later.
void write_connection(const Settings& settings, Client& client, const Login& installer, const Path& path) {
  const Secret password(to_hex(Secret::random(24).reveal()));
  sql::open_postgres(installer())
      ->run_script("ALTER ROLE \"" + settings.roles + "vault\" PASSWORD '" + std::string(password.reveal()) + "'");
  client.call({.method = "POST",
               .path = path,
               .body = engine_connection(settings),
               .secrets = {{.name = "password", .value = &password}},
               .effect = http::Effect::changes,
               .repeat = vault::Repeat::safe});
}

void connect_engine(const Settings& settings, Client& client, const Login& installer, Applied& applied) {
  const std::string name = settings.prefix + "postgres", path = settings.database + "/config/" + name;
  const auto there = client.call({.path = Path(path), .missing = vault::Missing::answers});
  if (there.status == 404)
    write_connection(settings, client, installer, Path(path));
  else if (!is_closed(there.data()))
    return applied.kept.push_back("database connection " + name);
  send(client, {"POST", settings.database + "/rotate-root/" + name, "", {}});
  send(client, {"POST", path, "", Json::object({{"allowed_roles", Json::texts({std::string(open_to)})}})});
  applied.made.push_back("database connection " + name);
}

void publish(const Settings& settings, Client& client) {
  const Path path(settings_path(settings));
  const auto there = client.call({.path = path, .missing = vault::Missing::answers});
  const Json* metadata = there.status == 404 ? nullptr : there.data().find("metadata");
  const std::int64_t version = metadata == nullptr ? 0 : metadata->integer_or("version", 0);
  client.call({.method = "POST",
               .path = path,
               .body = Json::object(
                   {{"options", Json::object({{"cas", version}})}, {"data", json_of(public_settings(settings))}}),
               .effect = http::Effect::changes});
}

/// Its tables would lose what a newer program granted on them.
void refuse_newer(sql::Connection& db) {
  if (const int found = sql::check_schema(db); found > sql::schema_version())
    throw Error(Code::database_newer,
                "the database has schema " + std::to_string(found) + ", and this ymgr knows the grants of " +
                    std::to_string(sql::schema_version()),
                "set it up with the ymgr that brought it there, or a newer one");
}

}  // namespace

std::unique_ptr<sql::Connection> open_as_owner(const Settings& settings, const Login& installer) {
  sql::PostgresSettings as_owner = installer();
  as_owner.role = settings.roles + "owner";
  return sql::open_postgres(std::move(as_owner));
}

vault::Answer send(Client& client, const VaultCall& call) {
  return client.call({.method = call.method,
                      .path = Path(call.path),
                      .body = call.body,
                      .effect = http::Effect::changes,
                      .repeat = vault::Repeat::safe});
}

PublicSettings read_published(const Settings& known, Client& client) {
  return client.call(vault::Call{.path = Path(settings_path(known))}, [](const vault::Answer& answer) {
    PublicSettings settings;
    for (const auto& [key, value] : answer.data().at("data").members())
      settings.emplace_back(printable(key), value.text());
    return settings;
  });
}

void apply_database(const Settings& settings, const Login& installer, Applied& applied) {
  std::vector<Privilege> privileges;
  const auto run = [](sql::Connection& db, const std::string& text) {
    db.transaction(sql::Access::write, [&] { db.run_script(text); });
  };
  run(*sql::open_postgres(installer()), make_roles_sql(settings, privileges));
  const auto owner = open_as_owner(settings, installer);
  refuse_newer(*owner);
  const bool current = sql::check_schema(*owner) == sql::schema_version();
  sql::migrate(*owner);
  run(*owner, make_grants_sql(settings, privileges));
  (current ? applied.kept : applied.made).push_back("database schema " + std::to_string(sql::schema_version()));
}

void apply_vault(const Settings& settings, const CaPlan& ca, Client& client, const Login& installer, Applied& applied) {
  const Plan plan = make_plan(settings, ca);
  for (const VaultMount& mount : plan.mounts) make_mount(client, mount, applied);
  if (ca.ca == Ca::create) make_ca(settings, ca, client, applied);
  for (const Policy& policy : plan.policies) write_policy(client, policy, applied);
  for (const VaultCall& call : plan.calls) send(client, call);
  publish(settings, client);
  connect_engine(settings, client, installer, applied);
}

void introduce(const Settings& settings, Client& client, const Login& installer, const Beginning& beginning,
               Applied& applied) {
  const auto owner = open_as_owner(settings, installer);
  if (!vault::list(client, Path(settings.pki) / "issuers").empty())
    for (int left = adopt_vault_issuers(*owner, client, settings.pki); left > 0; --left)
      applied.made.emplace_back("issuer in the database");
  bool seeded = false;
  owner->transaction(sql::Access::write, [&] {
    seeded = seed_team_policy(*owner, beginning.policy);
    if (!beginning.demo) return;
    if (seeded) return sql::write_setting(*owner, "demo", "true");
    if (!is_demo(*owner))
      throw Error(Code::usage, "the team has begun without --demo, and can't be marked any more",
                  "leave --demo out, or set up another database");
  });
  (seeded ? applied.made : applied.kept).emplace_back("policy of certificates");
}

void add_first_admin(const Settings& settings, Client& client, const Login& installer, const std::string& name,
                     const Secret* password, Applied& applied) {
  const auto owner = open_as_owner(settings, installer);
  const Session set_up({"set-up", Role::admin}, "", now() + std::chrono::hours(1), std::nullopt);
  const UserAdmin rows{*owner, set_up, nullptr};
  const PeopleAdmin people{settings, client, rows};
  try {
    add_person(people, checked(settings, {.name = name, .role = "admin", .login = {}, .mail = {}, .upn = {}}),
               password);
    applied.made.push_back("admin " + name);
  } catch (const Error& error) {
    if (error.code() != Code::user_exists) throw;
    applied.kept.push_back("admin " + name);
  }
}

}  // namespace ymgr::team
