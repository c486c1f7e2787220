// People of a team: who they are to Vault and to PostgreSQL. Each change looks first, so that one that was interrupted is finished by
// doing it again; the database's rows come last, with the audit event.
#pragma once
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "vault/identity.hpp"
#include "workflow/login.hpp"
#include "workflow/team_plan.hpp"

namespace ymgr::team {

/// Somebody who changes people: an admin, but for one's own password.
struct PeopleAdmin {
  const Settings& settings;
  vault::Client& vault;
  const UserAdmin& rows;
};

struct NewPerson {
  std::string name;
  std::string role = "user";  // one of role_names
  std::string login;          // as the auth method knows the person; empty: by the name
  std::string mail, upn;      // what certificates may have as name besides `name`; empty: none
};
/// In their normal form. @throws Error user-invalid, name-invalid, usage: no such role; another login where accounts are ours
NewPerson checked(const Settings&, NewPerson);

/// What the table of users calls it: a renewer is an operator there, to whom the servers give less.
Role row_role(std::string_view role);

/// Whether ymgr makes accounts: by userpass. Elsewhere passwords are somebody else's.
bool has_accounts(const Settings&) noexcept;
/// Whether adding asks for a password: there is no account of that name yet.
bool needs_password(const PeopleAdmin&, const NewPerson&);
/// Entity, login, account, roles of PKI and database, rows. An account that stands there keeps its password when none is given.
/// @throws Error user-exists: nothing of it is missing, or the login is somebody else's
void add_person(const PeopleAdmin&, const NewPerson&, const Secret* password);

/// Disabled: tokens and logins of the person are of no use at once, sessions are ended.
/// @return false: it was so already  @throws Error user-not-found, last-admin, usage: oneself
bool set_person_enabled(const PeopleAdmin&, std::string_view name, bool enabled);
/// Sessions end, and what Vault lent for them.
/// @return false: it was so already  @throws Error user-not-found, last-admin, usage: oneself
bool set_person_role(const PeopleAdmin&, std::string_view name, std::string_view role);
/// Which names certificates may have besides the user's own: `mail` and `upn` of `who`, empty for none.
/// @return false: they were these already  @throws Error user-not-found, vault-not-found
bool set_person_names(const PeopleAdmin&, const NewPerson& who);
/// Of an account by userpass. One's own: `present` is proved again first, and the token is dead afterwards.
/// @return false: other tokens of that person live on until their time, since only admins may end them
/// @throws Error usage: accounts are somebody else's; input-needed, wrong-password, role-denied
bool set_person_password(const PeopleAdmin&, std::string_view name, const Secret& password, const Secret* present);

/// The word for somebody's role: "renewer" for an operator to whom the servers give less, which the table of users does not tell.
/// Oneself, by the own login at the database.
std::string own_role(sql::Connection&, const Settings&, Role);
/// Anybody, by Vault's entity; the row's where that can't be read.
std::string known_role(const Settings&, vault::Client&, const User&);

/// What the servers know of somebody.
struct PersonView {
  std::string entity_id, role, login;  // empty: none
  bool enabled = false;                // by Vault
  std::vector<std::string> serials;    // YubiKeys whose PIN the person may use
  std::vector<std::string> names;      // that certificates may have
  std::string upn;
  std::vector<std::string> missing;  // what adding would make
};
PersonView view_person(const PeopleAdmin&, std::string_view name);

/// As the database has names of certificates, by which it knows that a name is somebody's whatever other users enter.
std::string told_names(std::vector<std::string> names);
/// The same, by the roles of an entity; nullopt: it has none. Admins and auditors may read them.
std::optional<std::string> names_in_vault(const Settings&, vault::Client&, std::string_view entity_id);

/// Whose database logins belong to an entity of Vault; empty: nobody's.
std::string person_of_entity(sql::Connection&, std::string_view entity_id);
/// Who has a login at the database.
std::set<std::string, std::less<>> people_with_login(sql::Connection&);

}  // namespace ymgr::team
