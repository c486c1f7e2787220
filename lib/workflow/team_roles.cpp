#include "workflow/team_roles.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/text.hpp"

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

/// Certificates of people, in the own name: each has a role of the engine for each of these.
struct Own {
  std::string_view profile, role, usage;  // role: "piv" of "piv-ENTITY"
  std::string_view oid;                   // a further extended key usage; empty: none
  std::string_view key_usage;
};
constexpr Own owns[] = {
    {"piv-auth", "piv", "client_flag", "1.3.6.1.4.1.311.20.2.2", "DigitalSignature"},  // smart card logon
    {"email", "email", "email_protection_flag", "", "DigitalSignature ContentCommitment"},
    {"tls-client", "client", "client_flag", "", "DigitalSignature"},
    {"card-auth", "card", "client_flag", "2.16.840.1.101.3.6.8", "DigitalSignature"},  // id-PIV-cardAuth
};

constexpr std::string_view longest_life = "9528h";  // 397 days
constexpr std::string_view upn_oid = "1.3.6.1.4.1.311.20.2.3";

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

std::string service_name(const Settings& settings, std::string_view profile, std::string_view key) {
  return settings.prefix + std::string(profile) + "-" + std::string(key);
}
std::string own_name(const Own& own, std::string_view entity_id) {
  return std::string(own.role) + "-" + std::string(entity_id);
}

Json own_role(const Own& own, const Person& person) {
  Json role = role_basis();
  role.set("key_type", "any")
      .set(own.usage, true)
      .set("key_usage", Json::texts(split(own.key_usage, ' ')))
      .set("allowed_domains", Json::texts(person.names))
      .set("allow_bare_domains", true)
      .set("allow_subdomains", false)
      .set("allow_ip_sans", false)
      .set("enforce_hostnames", false)
      .set("cn_validations", Json::texts({"email", "hostname"}));
  if (!own.oid.empty()) role.set("ext_key_usage_oids", Json::texts({std::string(own.oid)}));
  if (own.role == "piv" && !person.upn.empty())
    role.set("allowed_other_sans", Json::texts({std::string(upn_oid) + ";UTF8:" + person.upn}));
  return role;
}

bool is_own(const Own& own, std::string_view profile, Role role) {
  return own.profile == profile && (own.role != "client" || role == Role::user);
}

}  // namespace

std::vector<VaultCall> service_roles(const Settings& settings) {
  std::vector<VaultCall> roles;
  for (const auto& service : services)
    for (const auto& key : key_kinds)
      roles.push_back(
          {"POST", settings.pki + "/roles/" + service_name(settings, service.profile, key.name),
           "certificates of the profile " + std::string(service.profile) + " for " + std::string(key.name) + " keys",
           service_role(settings, service, key)});
  return roles;
}

VaultCall database_role(const Settings& settings, const Person& person) {
  const std::string group = settings.roles + person.role;
  const Json creation =
      Json::texts({"CREATE ROLE \"{{name}}\" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}' IN ROLE \"" +
                   group + "\""});
  return {"POST", settings.database + "/roles/u-" + person.entity_id,
          "a database role by which the database knows who acts",
          Json::object({{"db_name", settings.prefix + "postgres"},
                        {"creation_statements", creation},
                        {"revocation_statements", Json::texts({"SELECT ymgr.end_login('{{name}}')"})},
                        {"default_ttl", "1h"},
                        {"max_ttl", person.role == "admin" ? "1h" : "8h"}})};
}

std::vector<VaultCall> own_roles(const Settings& settings, const Person& person) {
  std::vector<VaultCall> calls;
  for (const auto& own : owns)
    calls.push_back({"POST", settings.pki + "/roles/" + own_name(own, person.entity_id),
                     "certificates of the profile " + std::string(own.profile) + " in the own name only",
                     own_role(own, person)});
  return calls;
}

std::vector<VaultCall> person_calls(const Settings& settings, const Person& person) {
  auto calls = own_roles(settings, person);
  calls.push_back(database_role(settings, person));
  return calls;
}

std::string pki_role(const Settings& settings, std::string_view profile, KeyAlgorithm algorithm, const Asker& asker) {
  for (const auto& own : owns)
    if (is_own(own, profile, asker.role)) return own_name(own, asker.entity_id);
  for (const auto& service : services)
    if (service.profile == profile) return service_name(settings, profile, lower(key_family(algorithm)));
  throw Error(Code::ca_refused, "the team's CA has no role for the profile " + printable(profile),
              "it has some for tls-server, tls-client, service, code-signing, piv-auth, email and card-auth");
}

}  // namespace ymgr::team
