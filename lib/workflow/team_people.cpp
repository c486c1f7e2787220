#include "workflow/team_people.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/text.hpp"
#include "vault/auth.hpp"
#include "workflow/team_apply.hpp"
#include "workflow/team_roles.hpp"

namespace ymgr::team {
namespace {

using vault::Client;
using vault::Path;

/// Whether the login stands in paths of Vault's: with a password, by name.
bool logs_in_by_name(const Settings& settings) {
  return settings.auth == "userpass" || settings.auth == "ldap";
}

/// Subjects of tokens look like repo:corp/shop:ref:refs/heads/main; they are compared as they are, and stand in no path.
void refuse_subject(std::string_view login) {
  constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-@:/|=+~";
  if (login.size() <= 512 && login.find_first_not_of(letters) == std::string_view::npos) return;
  throw Error(Code::name_invalid, "that can't be a login: " + printable(login),
              "512 letters, digits and . _ - @ : / | = + ~ at most");
}

/// A login by name, an address and a UPN stand in patterns of Vault's.
void refuse_pattern(std::string_view what, std::string_view text) {
  if (text.find_first_of("*+/;, \\") == std::string_view::npos) return;
  throw Error(Code::name_invalid,
              "the " + std::string(what) + " has a character that can't stand there: " + printable(text),
              "letters, digits and . _ - @ can");
}

/// Such a user would have mail addresses and names of a domain that is not the own one.
void refuse_domain(const Settings& settings, const std::string& name) {
  for (const auto& domain : settings.domains)
    if (name == domain || name.ends_with("." + domain))
      throw Error(Code::user_invalid, name + " is a name of services", "name people as they log in");
}

void check_role(std::string_view role) {
  if (std::ranges::find(role_names, role) != std::end(role_names)) return;
  throw Error(Code::usage, "no such role: " + printable(role),
              "roles of a team are admin, operator, user, auditor and renewer");
}

std::string policy_of(const Settings& settings, std::string_view role) {
  return settings.prefix + std::string(role);
}

/// Empty: none of ours.
std::string role_of(const Settings& settings, const vault::Entity& entity) {
  for (const auto role : role_names)
    if (std::ranges::find(entity.policies, policy_of(settings, role)) != entity.policies.end())
      return std::string(role);
  return {};
}

/// Those that somebody else gave stay.
Json policies_with(const Settings& settings, const std::vector<std::string>& present, std::string_view role) {
  std::vector<std::string> policies = {policy_of(settings, role)};
  for (const auto& policy : present)
    if (std::ranges::none_of(role_names, [&](auto ours) { return policy == policy_of(settings, ours); }))
      policies.push_back(policy);
  return Json::texts(policies);
}

std::string entity_path(std::string_view name) {
  return "identity/entity/name/" + std::string(name);
}

/// Of the auth method, as aliases name it.
std::string mount_accessor(const PeopleAdmin& admin) {
  const std::string mount = admin.settings.auth_mount + "/";
  return admin.vault.call(vault::Call{.path = Path("sys/auth")}, [&](const vault::Answer& answer) {
    if (const Json* found = answer.data().find(mount)) return found->at("accessor").text();
    throw Error(Code::vault_mount_missing, "Vault has no auth method at " + mount, "ymgr init --team --apply makes it");
  });
}

std::string login_of(const vault::Entity& entity, std::string_view accessor) {
  const auto found = std::ranges::find(entity.aliases, accessor, &vault::Alias::mount_accessor);
  return found == entity.aliases.end() ? std::string() : found->name;
}

bool has_account(const PeopleAdmin& admin, const std::string& login) {
  const Path path = Path("auth/" + admin.settings.auth_mount) / "users" / login;
  return admin.vault.call({.path = path, .missing = vault::Missing::answers}).status != 404;
}

Json lives_of(std::string_view role) {
  const char* life = role == "admin" ? "1h" : "8h";
  return Json::object({{"token_ttl", life}, {"token_max_ttl", life}});
}

/// nullptr: it keeps its password.
void write_account(const PeopleAdmin& admin, const std::string& login, std::string_view role, const Secret* password) {
  std::vector<vault::SecretMember> secrets;
  if (password != nullptr) secrets.push_back({.name = "password", .value = password});
  admin.vault.call({.method = "POST",
                    .path = Path("auth/" + admin.settings.auth_mount) / "users" / login,
                    .body = lives_of(role),
                    .secrets = std::move(secrets),
                    .effect = http::Effect::changes,
                    .repeat = vault::Repeat::safe});
}

vault::Entity require_entity(const PeopleAdmin& admin, std::string_view name) {
  if (auto entity = vault::entity_by_name(admin.vault, name)) return std::move(*entity);
  throw Error(Code::vault_not_found, "Vault knows nobody of the name " + printable(name),
              "ymgr user add " + std::string(name) + " makes what is missing");
}

vault::Entity ensure_entity(const PeopleAdmin& admin, const NewPerson& who) {
  const auto there = vault::entity_by_name(admin.vault, who.name);
  const auto present = there ? there->policies : std::vector<std::string>();
  Json body = Json::object({{"policies", policies_with(admin.settings, present, who.role)}});
  Json metadata = Json::object();
  if (there)
    for (const auto& [key, value] : there->metadata) metadata.set(key, value);
  body.set("metadata", metadata.set("user", who.name));
  send(admin.vault, {"POST", entity_path(who.name), "", std::move(body)});
  return require_entity(admin, who.name);
}

/// A login that somebody used before being known here may have an entity of its own, which nobody has written into.
void ensure_alias(const PeopleAdmin& admin, const vault::Entity& entity, const std::string& login) {
  const vault::Alias alias{login, mount_accessor(admin)};
  if (const auto present = login_of(entity, alias.mount_accessor); !present.empty() && present != login)
    throw Error(Code::user_exists, entity.name + " logs in as " + printable(present),
                "there is one login for each person");
  const auto holder = vault::entity_by_alias(admin.vault, alias);
  if (holder && holder->id == entity.id) return;
  if (holder && (!holder->policies.empty() || !holder->metadata.empty()))
    throw Error(Code::user_exists, "the login " + printable(login) + " is that of " + holder->name,
                "ymgr user show " + holder->name);
  send(admin.vault,
       {"POST", "identity/entity-alias", "",
        Json::object({{"name", login}, {"canonical_id", entity.id}, {"mount_accessor", alias.mount_accessor}})});
}

Person person_of(const NewPerson& who, std::string entity_id) {
  Person person{who.name, who.role, std::move(entity_id), {who.name}, who.upn};
  if (!who.mail.empty() && who.mail != who.name) person.names.push_back(who.mail);
  return person;
}

bool is_there(const PeopleAdmin& admin, const std::string& path) {
  return admin.vault.call({.path = Path(path), .missing = vault::Missing::answers}).status != 404;
}

/// What of somebody the servers do not have.
std::vector<std::string> missing_of(const PeopleAdmin& admin, const std::string& name,
                                    const std::optional<vault::Entity>& entity) {
  std::vector<std::string> missing;
  if (!users::find(admin.rows.db, name)) missing.emplace_back("row of users");
  if (!entity) return missing.emplace_back("entity of Vault"), missing;
  const std::string role = role_of(admin.settings, *entity);
  if (role.empty()) missing.emplace_back("policy of the entity");
  if (admin.settings.auth != "token") {
    const std::string login = login_of(*entity, mount_accessor(admin));
    if (login.empty())
      missing.push_back("login at " + admin.settings.auth_mount);
    else if (has_accounts(admin.settings) && !has_account(admin, login))
      missing.push_back("account " + login);
  }
  for (const VaultCall& call : person_calls(admin.settings, {name, role, entity->id, {}, ""}))
    if (!is_there(admin, call.path)) missing.push_back("role " + call.path);
  return missing;
}

void refuse_complete(const PeopleAdmin& admin, const NewPerson& who) {
  const auto row = users::find(admin.rows.db, who.name);
  if (!row) return;
  const auto entity = vault::entity_by_name(admin.vault, who.name);
  const bool same = row->role == row_role(who.role) && (!entity || role_of(admin.settings, *entity) == who.role);
  if (!same || missing_of(admin, who.name, entity).empty())
    throw Error(Code::user_exists, "a user named " + who.name + " exists",
                same ? "ymgr user show " + who.name : "ymgr user set-role " + who.name + " " + who.role);
}

void write_rows(const PeopleAdmin& admin, audit::Event event, const std::function<void()>& change) {
  admin.rows.db.transaction(sql::Access::write, [&] {
    change();
    audit::append(admin.rows.db, admin.rows.session.identity().user, {event}, admin.rows.signer);
  });
}

audit::Event event_of(std::string event, std::string_view name, Json data = Json::object()) {
  return {.request_id = "", .event = std::move(event), .target = std::string(name), .data = std::move(data)};
}

void add_leases(const PeopleAdmin& admin, const Path& below, std::vector<std::string>& leases) {
  for (const auto& name : vault::list(admin.vault, Path("sys/leases/lookup") + below.text()))
    leases.push_back(below.text() + "/" + name);
}

/// What Vault lent somebody: database logins with their connections, and tokens where the path of the login names the person.
std::vector<std::string> leases_of(const PeopleAdmin& admin, const vault::Entity& entity) {
  std::vector<std::string> leases;
  add_leases(admin, Path(admin.settings.database) / "creds" / ("u-" + entity.id), leases);
  const std::string login = logs_in_by_name(admin.settings) ? login_of(entity, mount_accessor(admin)) : std::string();
  if (!login.empty()) add_leases(admin, Path("auth/" + admin.settings.auth_mount) / "login" / login, leases);
  return leases;
}

void end_leases(Client& client, const std::vector<std::string>& leases) {
  for (const auto& id : leases) vault::revoke(client, {.id = id, .term = {}});
}

void end_logins(const PeopleAdmin& admin, const vault::Entity& entity) {
  end_leases(admin.vault, leases_of(admin, entity));
}

/// The own token is among them: one that the new password gives ends them.
void end_own_logins(const PeopleAdmin& admin, std::string_view name, const Secret& password) {
  const auto leases = leases_of(admin, require_entity(admin, name));
  Client last = admin.vault.for_another_thread();
  vault::login_userpass(last, name, password, admin.settings.auth_mount);
  end_leases(last, leases);
  vault::revoke_self(last);
}

void refuse_oneself(const PeopleAdmin& admin, std::string_view name) {
  admin.rows.session.require(Right::manage_users);
  if (name == admin.rows.session.identity().user)
    throw Error(Code::usage, "nobody takes the own rights away in a team: the change would end half-way",
                "ask another admin");
}

/// After wrong passwords.
void unlock(const PeopleAdmin& admin, const vault::Entity& entity) {
  const std::string accessor = mount_accessor(admin), login = login_of(entity, accessor);
  if (!login.empty() && logs_in_by_name(admin.settings))
    send(admin.vault, {"POST", "sys/locked-users/" + accessor + "/unlock/" + login, "", Json::object({})});
}

/// Whether the database engine makes logins of that role.
bool makes_logins_of(const PeopleAdmin& admin, const VaultCall& role) {
  const auto answer = admin.vault.call({.path = Path(role.path), .missing = vault::Missing::answers});
  const Json* there = answer.status == 404 ? nullptr : answer.data().find("creation_statements");
  return there != nullptr && *there == role.body.at("creation_statements");
}

bool has_told_names(sql::Connection& db, const Person& person) {
  bool same = false;
  db.run("SELECT certificate_names FROM users WHERE name = $1", {person.user},
         [&](const sql::Row& row) { same = !row.is_null(0) && row.text(0) == told_names(person.names); });
  return same;
}

/// Where certificates have their names from.
vault::Answer read_own_role(const Settings& settings, Client& client, std::string_view entity_id) {
  return client.call(
      {.path = Path(settings.pki) / "roles" / ("piv-" + std::string(entity_id)), .missing = vault::Missing::answers});
}

void read_names(const PeopleAdmin& admin, const std::string& entity_id, PersonView& view) {
  const auto answer = read_own_role(admin.settings, admin.vault, entity_id);
  if (answer.status == 404) return;
  view.names = answer.data().texts_or_empty("allowed_domains");
  for (const auto& other : answer.data().texts_or_empty("allowed_other_sans"))
    view.upn = other.substr(other.rfind(':') + 1);
}

}  // namespace

NewPerson checked(const Settings& settings, NewPerson who) {
  users::check_user_name(who.name);
  refuse_domain(settings, who.name);
  check_role(who.role);
  if (who.login.empty()) who.login = who.name;
  if (logs_in_by_name(settings))
    refuse_pattern("login", who.login);
  else
    refuse_subject(who.login);
  if (has_accounts(settings) && who.login != who.name)
    throw Error(Code::usage, "where accounts are made by userpass everybody's has the own name", "leave out --login");
  if (!who.mail.empty()) who.mail = make_san(SanKind::email, who.mail).value;
  if (!who.upn.empty()) who.upn = make_san(SanKind::upn, who.upn).value;
  refuse_pattern("mail address", who.mail);
  refuse_pattern("UPN", who.upn);
  return who;
}

Role row_role(std::string_view role) {
  return role == "renewer" ? Role::operator_ : parse_role(role);
}

bool has_accounts(const Settings& settings) noexcept {
  return settings.auth == "userpass";
}

bool needs_password(const PeopleAdmin& admin, const NewPerson& who) {
  return has_accounts(admin.settings) && !has_account(admin, who.login);
}

void add_person(const PeopleAdmin& admin, const NewPerson& who, const Secret* password) {
  admin.rows.session.require(Right::manage_users);
  refuse_complete(admin, who);
  const vault::Entity entity = ensure_entity(admin, who);
  if (admin.settings.auth != "token") ensure_alias(admin, entity, who.login);
  if (has_accounts(admin.settings)) write_account(admin, who.login, who.role, password);
  const Person person = person_of(who, entity.id);
  for (const VaultCall& call : person_calls(admin.settings, person)) send(admin.vault, call);
  const Json data = Json::object({{"role", who.role}, {"login", who.login}, {"mail", who.mail}, {"upn", who.upn}});
  write_rows(admin, event_of("user.added", who.name, data), [&] { admin.rows.db.run_script(person_sql(person)); });
}

bool set_person_enabled(const PeopleAdmin& admin, std::string_view name, bool enabled) {
  refuse_oneself(admin, name);
  const User user = users::get(admin.rows.db, name);
  const vault::Entity entity = require_entity(admin, name);
  const bool same = user.enabled == enabled && entity.disabled == !enabled;
  if (same && !enabled) return false;
  if (!enabled) users::keep_one_admin(admin.rows.db, user);
  send(admin.vault, {"POST", entity_path(name), "", Json::object({{"disabled", !enabled}})});
  if (enabled)
    unlock(admin, entity);
  else
    end_logins(admin, entity);
  if (same) return false;
  write_rows(admin, event_of(enabled ? "user.enabled" : "user.disabled", name),
             [&] { users::set_enabled(admin.rows.db, name, enabled); });
  return true;
}

bool set_person_role(const PeopleAdmin& admin, std::string_view name, std::string_view role) {
  check_role(role);
  refuse_oneself(admin, name);
  const User user = users::get(admin.rows.db, name);
  const vault::Entity entity = require_entity(admin, name);
  const std::string before = role_of(admin.settings, entity);
  const VaultCall login = database_role(admin.settings, {std::string(name), std::string(role), entity.id, {}, ""});
  if (before == role && user.role == row_role(role) && makes_logins_of(admin, login)) return false;
  if (role != "admin") users::keep_one_admin(admin.rows.db, user);
  send(admin.vault, {"POST", entity_path(name), "",
                     Json::object({{"policies", policies_with(admin.settings, entity.policies, role)}})});
  send(admin.vault, login);
  if (has_accounts(admin.settings) && has_account(admin, std::string(name)))
    write_account(admin, std::string(name), role, nullptr);
  end_logins(admin, entity);
  const Json data = Json::object({{"role", role}, {"previous_role", before}});
  write_rows(admin, event_of("user.role_set", name, data), [&] {
    admin.rows.db.run("UPDATE users SET role = $2 WHERE name = $1", {name, to_string(row_role(role))});
    session::end_all(admin.rows.db, name);
  });
  return true;
}

bool set_person_names(const PeopleAdmin& admin, const NewPerson& who) {
  admin.rows.session.require(Right::manage_users);
  users::get(admin.rows.db, who.name);
  const Person person = person_of(who, require_entity(admin, who.name).id);
  PersonView present;
  read_names(admin, person.entity_id, present);
  const bool told = has_told_names(admin.rows.db, person);
  if (present.names == person.names && present.upn == person.upn && told) return false;
  const auto calls = own_roles(admin.settings, person);
  for (std::size_t i = 1; i < calls.size(); ++i) send(admin.vault, calls[i]);
  write_rows(admin, event_of("user.names_set", who.name, Json::object({{"mail", who.mail}, {"upn", who.upn}})), [&] {
    admin.rows.db.run("UPDATE users SET certificate_names = $2 WHERE name = $1", {who.name, told_names(person.names)});
  });
  send(admin.vault, calls.front());  // the one that is looked at: doing it again finishes what was interrupted
  return true;
}

bool set_person_password(const PeopleAdmin& admin, std::string_view name, const Secret& password,
                         const Secret* present) {
  const bool own = name == admin.rows.session.identity().user;
  if (!own) admin.rows.session.require(Right::manage_users);
  if (!has_accounts(admin.settings))
    throw Error(Code::usage, "people log in by " + admin.settings.auth + ": their passwords are not kept here",
                "set it where that takes them from");
  if (own) {
    if (present == nullptr) throw Error(Code::input_needed, "your present password is needed to set a new one");
    Client other = admin.vault.for_another_thread();
    vault::login_userpass(other, name, *present, admin.settings.auth_mount);
    vault::revoke_self(other);
  }
  admin.vault.call({.method = "POST",
                    .path = Path("auth/" + admin.settings.auth_mount) / "users" / name / "password",
                    .body = {},
                    .secrets = {{.name = "password", .value = &password}},
                    .effect = http::Effect::changes,
                    .repeat = vault::Repeat::safe});
  if (!own) end_logins(admin, require_entity(admin, name));
  write_rows(admin, event_of("user.password_set", name), [&] { session::end_all(admin.rows.db, name); });
  if (!own) return true;
  const bool ends_all = allows(admin.rows.session.identity().role, Right::manage_users);
  if (ends_all)
    end_own_logins(admin, name, password);
  else
    vault::revoke_self(admin.vault);
  return ends_all;
}

std::string own_role(sql::Connection& db, const Settings& settings, Role role) {
  std::int64_t renews = 0;
  const std::string group = settings.roles + "renewer";
  if (role == Role::operator_)
    db.run("SELECT count(*) FROM pg_roles WHERE rolname = $1 AND pg_has_role(oid, 'MEMBER')", {group},
           [&](const sql::Row& row) { renews = row.integer(0); });
  return renews > 0 ? "renewer" : std::string(to_string(role));
}

std::string known_role(const Settings& settings, Client& client, const User& user) {
  if (user.role != Role::operator_) return std::string(to_string(user.role));
  try {
    const auto entity = vault::entity_by_name(client, user.name);
    if (entity && role_of(settings, *entity) == "renewer") return "renewer";
  } catch (const Error& error) {
    if (error.code() != Code::vault_denied) throw;
  }
  return std::string(to_string(user.role));
}

PersonView view_person(const PeopleAdmin& admin, std::string_view name) {
  const auto entity = vault::entity_by_name(admin.vault, name);
  PersonView view;
  view.missing = missing_of(admin, std::string(name), entity);
  if (!entity) return view;
  view.entity_id = entity->id;
  view.role = role_of(admin.settings, *entity);
  view.enabled = !entity->disabled;
  if (admin.settings.auth != "token") view.login = login_of(*entity, mount_accessor(admin));
  for (const auto& [key, value] : entity->metadata)
    if (key.starts_with("serial") && !value.empty()) view.serials.push_back(value);
  read_names(admin, entity->id, view);
  return view;
}

std::string told_names(std::vector<std::string> names) {
  for (auto& name : names) name = lower(name);
  if (names.size() > 1 && names.back() == names.front()) names.pop_back();  // the one, where there was no mail
  return join(names, " ");
}

std::optional<std::string> names_in_vault(const Settings& settings, Client& client, std::string_view entity_id) {
  const auto answer = read_own_role(settings, client, entity_id);
  if (answer.status == 404) return std::nullopt;
  return told_names(answer.data().texts_or_empty("allowed_domains"));
}

std::string person_of_entity(sql::Connection& db, std::string_view entity_id) {
  std::string name;
  const std::string role = "u-" + std::string(entity_id);
  db.run("SELECT user_name FROM database_roles WHERE role_name = $1", {role},
         [&](const sql::Row& row) { name = row.text(0); });
  return name;
}

std::set<std::string, std::less<>> people_with_login(sql::Connection& db) {
  std::set<std::string, std::less<>> names;
  db.run("SELECT user_name FROM database_roles", {}, [&](const sql::Row& row) { names.emplace(row.text(0)); });
  return names;
}

}  // namespace ymgr::team
