// The team profile's set-up: what OpenBao (or Vault) and PostgreSQL are told, so that they and not the client decide who may do
// what. Made from the texts in team/ and the configuration; asks nobody.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.hpp"

namespace ymgr::team {

/// Every name is checked where the configuration is read: no blanks, quotes or wildcards.
struct Settings {
  std::string address;                     // of Vault, or several with commas: the nodes of one cluster
  std::string vault_namespace;             // empty: none
  std::string vault_ca_file;               // empty: the system's certificates
  std::string auth, auth_mount;            // how people log in ("userpass"), and where
  std::string kv, transit, pki, database;  // mounts
  std::string prefix;                      // of policies and roles in Vault: "ymgr-"
  std::vector<std::string>
      domains;  // "corp.test": services get names below these; "10.0.0.0/8": and addresses of these
  std::string host, port, database_name,
      database_ca_file;          // PostgreSQL; a host that begins with '/' is a socket's folder
  std::string roles;             // prefix of PostgreSQL's roles: "ymgr_"
  std::string vendor_keys = {};  // of licences, themselves, with commas; for who joins. Empty: nothing is limited
};

enum class Ca { existing, create };
struct CaPlan {
  Ca ca = Ca::existing;
  std::string name = "ymgr";
  std::vector<std::string> crl_urls, ocsp_urls, issuer_urls;
};

/// One request to Vault. `path` is what follows /v1/.
struct VaultCall {
  std::string method, path, why;
  Json body;
};
/// The description of a mount of ours until everything is set in it; nobody else's has it.
inline constexpr std::string_view half_made = "ymgr sets this up";
/// The name of an issuing CA's key, until its CA stands.
inline constexpr std::string_view unfinished_key = "ymgr-unfinished";
/// A mount that is made when it is absent, with what is then set in it. One that stands there already is left as it is, unless it
/// is ours and half made.
struct VaultMount {
  std::string table;  // "mounts" or "auth"
  std::string path, type, why;
  Json body;
  std::vector<VaultCall> first;
};
/// Sent after `first`: takes the mark away.
VaultCall finish(const VaultMount&);

struct Policy {
  std::string name, text;  // HCL
};
/// What somebody may do on a server, by one line of a policy or one GRANT.
struct Privilege {
  std::string server;  // "vault" or "postgresql"
  std::string who;     // the policy or the role
  std::string what;    // "read, update on yubikeys/data/+/pin", "SELECT ON certificates"
  std::string why;
};

struct Plan {
  std::vector<Policy> policies;
  std::vector<VaultMount> mounts;
  std::vector<VaultCall> calls;
  std::string roles_sql;   // run by who may make roles
  std::string grants_sql;  // run by the owner, after every migration
  std::vector<Privilege> privileges;
};
Plan make_plan(const Settings&, const CaPlan&);

/// The policies' roles: admin, operator, user, auditor, renewer.
inline constexpr std::string_view role_names[] = {"admin", "operator", "user", "auditor", "renewer"};

/// Somebody whom the servers are to know. The members may be placeholders that a script fills in.
struct Person {
  std::string user;                // as the database has it
  std::string role;                // one of role_names
  std::string entity_id;           // of Vault's identity
  std::vector<std::string> names;  // what certificates may have as name: account, mail
  std::string upn;                 // empty: none
};
/// Roles of one's own in PKI and in the database engine.
std::vector<VaultCall> person_calls(const Settings&, const Person&);
/// Rows of `users` and `people`.
std::string person_sql(const Person&);

/// Files of `init --team --plan DIR`, by their path below DIR.
std::vector<std::pair<std::string, std::string>> plan_files(const Settings&, const CaPlan&);

/// What clients are told of the servers, by the configuration's keys. Paths of files are each host's own and never among them.
using PublicSettings = std::vector<std::pair<std::string, std::string>>;
PublicSettings public_settings(const Settings&);
Json json_of(const PublicSettings&);
/// The same as a configuration file, with files of this host: "vault.ca_file" and so on.
std::string settings_yaml(const PublicSettings&, const PublicSettings& files);
/// Where Vault has them: "yubikeys/data/ymgr-settings".
std::string settings_path(const Settings&);

/// The texts that policies are put together from and the database's, by name: "user", "grants". For the other team_*.cpp files.
std::string_view text_named(std::string_view name);
using Words = std::vector<std::pair<std::string_view, std::string>>;
/// Puts the words in place of their {{NAME}}; Vault's own {{identity.…}} stay.
std::string fill(std::string_view text, const Words& words);
/// PKI roles for services: {{service}} in the texts.
std::vector<VaultCall> service_roles(const Settings&);
/// The database engine's own login, without its password. On Vault's host the CA file stands where it stands here. It is closed to
/// every role until the first password is changed: then Vault alone knows it.
Json engine_connection(const Settings&);
inline constexpr std::string_view open_to = "u-*";
bool is_closed(const Json& connection);
std::string make_roles_sql(const Settings&, std::vector<Privilege>& privileges);
std::string make_grants_sql(const Settings&, std::vector<Privilege>& privileges);
std::vector<Policy> make_policies(const Settings&, std::vector<Privilege>& privileges);

}  // namespace ymgr::team
