#include "base/text.hpp"
#include "workflow/team_plan.hpp"

namespace ymgr::team {
namespace {

struct Service {
  std::string_view profile, usage;  // usage: the names of Vault's flags, with blanks between
  bool addresses;                   // may have IP addresses as names
  std::string_view uris;            // {{domain}}: one for each; empty: none
};
constexpr Service services[] = {
    {"tls-server", "server_flag", true, ""},
    {"tls-client", "client_flag", false, ""},
    {"service", "server_flag client_flag", true, "spiffe://{{domain}}/*"},
    {"code-signing", "code_signing_flag", false, ""},
};
struct KeyKind {
  std::string_view name;
  int bits;  // at least
};
constexpr KeyKind key_kinds[] = {{"ec", 256}, {"rsa", 3072}, {"ed25519", 0}};

constexpr std::string_view longest_life = "9528h";  // 397 days
constexpr std::string_view upn_oid = "1.3.6.1.4.1.311.20.2.3", smart_card_logon = "1.3.6.1.4.1.311.20.2.2";

bool is_network(const std::string& domain) {
  return domain.find('/') != std::string::npos;
}

Json texts_of(const std::vector<std::string>& domains, bool networks, std::string_view pattern = "{{domain}}") {
  Json found = Json::array();
  for (const auto& domain : domains)
    if (is_network(domain) == networks && !pattern.empty()) found.push(fill(pattern, {{"domain", domain}}));
  return found;
}

/// What no role leaves to the request: names and usages of the CSR, lifetimes beyond the role's.
Json role_basis() {
  return Json::object({{"use_csr_common_name", false},
                       {"use_csr_sans", false},
                       {"not_after_bound", "ttl-limited"},
                       {"ttl", longest_life},  // bounds not_after, which max_ttl alone does not
                       {"max_ttl", longest_life},
                       {"allow_any_name", false},
                       {"allow_localhost", false},
                       {"allow_glob_domains", false},
                       {"allow_wildcard_certificates", false},
                       {"key_usage", Json::texts({"DigitalSignature"})},
                       {"server_flag", false},
                       {"client_flag", false},
                       {"code_signing_flag", false},
                       {"email_protection_flag", false},
                       {"require_cn", false},
                       {"no_store", false},
                       {"generate_lease", false}});
}

Json service_role(const Settings& settings, const Service& service, const KeyKind& key) {
  Json role = role_basis();
  const Json networks = texts_of(settings.domains, true);
  const bool addresses = service.addresses && !networks.items().empty();
  role.set("key_type", key.name)
      .set("key_bits", key.bits)
      .set("allowed_domains", texts_of(settings.domains, false))
      .set("allow_bare_domains", true)
      .set("allow_subdomains", true)
      .set("enforce_hostnames", true)
      .set("cn_validations", Json::texts({"hostname"}))
      .set("allow_ip_sans", addresses)
      .set("allowed_uri_sans", texts_of(settings.domains, false, service.uris));
  if (addresses) role.set("allowed_ip_sans_cidr", networks);
  for (const auto& flag : split(service.usage, ' ')) role.set(flag, true);
  return role;
}

VaultMount mount(std::string table, std::string path, std::string type, std::string why, Json body = Json::object()) {
  body.set("type", type);
  return {std::move(table), std::move(path), std::move(type), std::move(why), std::move(body), {}};
}

VaultMount kv_mount(const Settings& settings) {
  VaultMount kv = mount("mounts", settings.kv, "kv", "secrets of YubiKeys, in versions",
                        Json::object({{"options", Json::object({{"version", "2"}})}}));
  kv.first = {{"POST", settings.kv + "/config",
               "nobody overwrites what somebody else wrote meanwhile, and ten writes don't purge what was before",
               Json::object({{"cas_required", true}, {"max_versions", 100}})}};
  return kv;
}

VaultMount pki_mount(const Settings& settings, const CaPlan& plan) {
  VaultMount pki = mount("mounts", settings.pki, "pki", "the CA",
                         Json::object({{"config", Json::object({{"max_lease_ttl", "43800h"}})}}));
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
  if (settings.host.starts_with('/'))
    return login + "/" + settings.database_name + "?host=" + settings.host + "&port=" + settings.port;
  const bool several = settings.host.find(',') != std::string::npos;
  return login + hosts_with_ports(settings) + "/" + settings.database_name + "?sslmode=verify-full" +
         (settings.database_ca_file.empty() ? "" : "&sslrootcert=" + settings.database_ca_file) +
         (several ? "&target_session_attrs=read-write" : "");
}

}  // namespace

Json engine_connection(const Settings& settings) {
  return Json::object({{"plugin_name", "postgresql-database-plugin"},
                       {"allowed_roles", Json::texts({"u-*"})},
                       {"connection_url", connection_url(settings)},
                       {"username", settings.roles + "vault"},
                       {"password_authentication", "scram-sha-256"},
                       {"username_template", "{{.RoleName}}.{{random 8}}"}});
}

std::vector<VaultCall> service_roles(const Settings& settings) {
  std::vector<VaultCall> roles;
  for (const auto& service : services)
    for (const auto& key : key_kinds)
      roles.push_back(
          {"POST",
           settings.pki + "/roles/" + settings.prefix + std::string(service.profile) + "-" + std::string(key.name),
           "certificates of the profile " + std::string(service.profile) + " for " + std::string(key.name) + " keys",
           service_role(settings, service, key)});
  return roles;
}

std::vector<VaultCall> person_calls(const Settings& settings, const Person& person) {
  Json pki = role_basis();
  pki.set("key_type", "any")
      .set("client_flag", true)
      .set("ext_key_usage_oids", Json::texts({std::string(smart_card_logon)}))
      .set("allowed_domains", Json::texts(person.names))
      .set("allow_bare_domains", true)
      .set("allow_subdomains", false)
      .set("allow_ip_sans", false)
      .set("enforce_hostnames", false)
      .set("cn_validations", Json::texts({"email", "hostname"}));
  if (!person.upn.empty()) pki.set("allowed_other_sans", Json::texts({std::string(upn_oid) + ";UTF8:" + person.upn}));
  const std::string group = settings.roles + person.role;
  const Json creation =
      Json::texts({"CREATE ROLE \"{{name}}\" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}' IN ROLE \"" +
                   group + "\""});
  return {{"POST", settings.pki + "/roles/piv-" + person.entity_id, "certificates in the own name only", pki},
          {"POST", settings.database + "/roles/u-" + person.entity_id,
           "a database role by which the database knows who acts",
           Json::object({{"db_name", settings.prefix + "postgres"},
                         {"creation_statements", creation},
                         {"revocation_statements", Json::texts({"SELECT ymgr.end_login('{{name}}')"})},
                         {"default_ttl", "1h"},
                         {"max_ttl", person.role == "admin" ? "1h" : "8h"}})}};
}

Plan make_plan(const Settings& settings, const CaPlan& ca) {
  Plan plan;
  plan.policies = make_policies(settings, plan.privileges);
  plan.mounts = mounts(settings, ca);
  plan.calls = service_roles(settings);
  for (auto& call : token_calls(settings)) plan.calls.push_back(std::move(call));
  if (settings.vault_namespace.empty())  // only the root namespace takes it
    plan.calls.push_back({"POST", "sys/config/auditing/request-headers/X-Ymgr-Op",
                          "Vault's audit log names the operation that a request belongs to",
                          Json::object({{"hmac", false}})});
  plan.roles_sql = make_roles_sql(settings, plan.privileges);
  plan.grants_sql = make_grants_sql(settings, plan.privileges);
  return plan;
}

}  // namespace ymgr::team
