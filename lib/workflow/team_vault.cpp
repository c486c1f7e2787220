#include "base/text.hpp"
#include "workflow/team_plan.hpp"
#include "workflow/team_roles.hpp"

namespace ymgr::team {
namespace {

VaultMount mount(std::string table, std::string path, std::string type, std::string why, Json body = Json::object()) {
  body.set("type", type);
  return {std::move(table), std::move(path), std::move(type), std::move(why), std::move(body), {}};
}

VaultMount kv_mount(const Settings& settings) {
  VaultMount kv = mount("mounts", settings.kv, "kv", "secrets of YubiKeys, in versions",
                        Json::object({{"description", half_made}, {"options", Json::object({{"version", "2"}})}}));
  kv.first = {{"POST", settings.kv + "/config",
               "nobody overwrites what somebody else wrote meanwhile, and ten writes don't purge what was before",
               Json::object({{"cas_required", true}, {"max_versions", 100}})}};
  return kv;
}

VaultMount pki_mount(const Settings& settings, const CaPlan& plan) {
  VaultMount pki =
      mount("mounts", settings.pki, "pki", "the CA",
            Json::object({{"description", half_made}, {"config", Json::object({{"max_lease_ttl", "43800h"}})}}));
  Json urls = Json::object();
  if (!plan.crl_urls.empty()) urls.set("crl_distribution_points", Json::texts(plan.crl_urls));
  if (!plan.ocsp_urls.empty()) urls.set("ocsp_servers", Json::texts(plan.ocsp_urls));
  if (!plan.issuer_urls.empty()) urls.set("issuing_certificates", Json::texts(plan.issuer_urls));
  if (!urls.members().empty())
    pki.first.push_back({"POST", settings.pki + "/config/urls", "where certificates say what became of them", urls});
  pki.first.push_back(
      {"POST", settings.pki + "/config/crl", "the CRL is made again before it runs out",
       Json::object({{"auto_rebuild", true}, {"expiry", "72h"}, {"auto_rebuild_grace_period", "12h"}})});
  return pki;
}

std::vector<VaultMount> mounts(const Settings& settings, const CaPlan& plan) {
  std::vector<VaultMount> all = {
      kv_mount(settings), mount("mounts", settings.transit, "transit", "private keys that never leave Vault"),
      pki_mount(settings, plan),
      mount("mounts", settings.database, "database", "database roles that live for a while")};
  if (settings.auth != "token") all.push_back(mount("auth", settings.auth_mount, settings.auth, "how people log in"));
  return all;
}

std::vector<VaultCall> token_calls(const Settings& settings) {
  const std::string name = settings.prefix + "agent";
  return {{"POST", "identity/oidc/key/" + name, "signs identity tokens for the agents beside people",
           Json::object({{"algorithm", "ES256"}, {"allowed_client_ids", Json::texts({"ymgr-agent"})}})},
          {"POST", "identity/oidc/role/" + name, "what stands in them, for 15 minutes",
           Json::object({{"key", name}, {"client_id", "ymgr-agent"}, {"ttl", "15m"}})}};
}

/// "db1:5432,db2:5432"
std::string hosts_with_ports(const Settings& settings) {
  const auto hosts = split(settings.host, ','), ports = split(settings.port, ',');
  std::vector<std::string> places;
  for (std::size_t i = 0; i < hosts.size(); ++i)
    places.push_back(hosts[i] + ":" + (i < ports.size() ? ports[i] : ports.front()));
  return join(places, ",");
}

/// How Vault reaches PostgreSQL; TLS is always verified, but a Unix socket has none.
std::string connection_url(const Settings& settings) {
  const std::string login = "postgresql://{{username}}:{{password}}@";
  const bool several = settings.host.find(',') != std::string::npos;
  const std::string primary = several ? "&target_session_attrs=read-write" : "";
  if (settings.host.starts_with('/'))
    return login + "/" + settings.database_name + "?host=" + settings.host + "&port=" + settings.port + primary;
  return login + hosts_with_ports(settings) + "/" + settings.database_name + "?sslmode=verify-full" +
         (settings.database_ca_file.empty() ? "" : "&sslrootcert=" + settings.database_ca_file) + primary;
}

}  // namespace

VaultCall finish(const VaultMount& mount) {
  return {"POST", "sys/" + mount.table + "/" + mount.path + "/tune", "everything is set in it",
          Json::object({{"description", ""}})};
}

bool is_closed(const Json& connection) {
  return connection.texts_or_empty("allowed_roles").empty();
}

Json engine_connection(const Settings& settings) {
  return Json::object({{"plugin_name", "postgresql-database-plugin"},
                       {"allowed_roles", Json::array()},
                       {"connection_url", connection_url(settings)},
                       {"username", settings.roles + "vault"},
                       {"password_authentication", "scram-sha-256"},
                       {"username_template", "{{.RoleName}}.{{random 8}}"}});
}

Plan make_plan(const Settings& settings, const CaPlan& ca) {
  Plan plan;
  plan.policies = make_policies(settings, plan.privileges);
  plan.mounts = mounts(settings, ca);
  plan.calls = service_roles(settings);
  for (auto& call : token_calls(settings)) plan.calls.push_back(std::move(call));
  plan.calls.push_back({"POST", settings.transit + "/keys/" + settings.prefix + "audit",
                        "signs checkpoints of the audit trail, which the database's owner can't change",
                        Json::object({{"type", "ecdsa-p256"}})});
  if (settings.vault_namespace.empty())  // only the root namespace takes it
    plan.calls.push_back({"POST", "sys/config/auditing/request-headers/X-Ymgr-Op",
                          "Vault's audit log names the operation that a request belongs to",
                          Json::object({{"hmac", false}})});
  plan.roles_sql = make_roles_sql(settings, plan.privileges);
  plan.grants_sql = make_grants_sql(settings, plan.privileges);
  return plan;
}

}  // namespace ymgr::team
