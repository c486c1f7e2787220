// `init --team --apply` and `--check`: the plan done, and the servers compared with it.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sql/connection.hpp"
#include "vault/client.hpp"
#include "workflow/adopt_policy.hpp"
#include "workflow/team_plan.hpp"

namespace ymgr::team {

struct Applied {
  std::vector<std::string> made, kept;  // "mount pki", "policy ymgr-user", "database schema 2"
};
/// How to log in to the database: asked for each connection, since a password is in one place only.
using Login = std::function<sql::PostgresSettings()>;
/// As the role that has the schema, and may write rows of everybody.
std::unique_ptr<sql::Connection> open_as_owner(const Settings&, const Login& installer);
/// A change that is the same done twice. @throws Error those of Client::call
vault::Answer send(vault::Client&, const VaultCall&);
/// Roles, schema and grants. `installer`: a superuser, or a role with CREATEROLE that owns the database. May be repeated.
/// @throws Error what open_postgres and migrate throw
void apply_database(const Settings&, const Login& installer, Applied&);
/// Mounts, roles, policies and the database engine's connection, whose first password is set as `installer`. The client's token may write
/// mounts, policies and roles. What stands there already is kept as it is, but for policies and roles of ours. May be repeated.
/// @throws Error vault-refused: something of another kind stands where a mount should; those of Client::call
void apply_vault(const Settings&, const CaPlan&, vault::Client&, const Login& installer, Applied&);

struct Beginning {
  PolicyText policy;
  bool demo = false;  // marked for ever: attestations of the virtual YubiKey are believed
};
/// What the database must know of Vault's CA, and what a team begins with: as the schema's owner. May be repeated; a team that has
/// begun stays as it is. @throws Error usage: it has begun, and not as a demo
void introduce(const Settings&, vault::Client&, const Login& installer, const Beginning&, Applied&);

/// Makes the first admin known, who adds everybody else. May be repeated.
/// @param password  of an account by userpass; nullptr: accounts are somebody else's  @throws Error user-invalid, and those of add_person
void add_first_admin(const Settings&, vault::Client&, const Login& installer, const std::string& name,
                     const Secret* password, Applied&);

/// What the team's servers say of themselves: texts by the configuration's keys, as they stand there and not yet checked. `known`: where
/// to look. @throws Error vault-not-found: nothing was published; those of Client::call
PublicSettings read_published(const Settings& known, vault::Client&);

/// Something that is not there, and the line that grants or makes it.
struct Missing {
  std::string server, what, line;
};
/// What the token's owner should be able to do and can't; with the right to read them, also policies and mounts that are missing or differ.
/// @throws Error those of Client::call
std::vector<Missing> check_vault(const Settings&, vault::Client&);
/// The same of the database, as whoever the connection is.
std::vector<Missing> check_database(const Settings&, sql::Connection&);

}  // namespace ymgr::team
