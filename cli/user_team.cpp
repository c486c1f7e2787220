#include "base/error.hpp"
#include "cli/user.hpp"
#include "workflow/team_people.hpp"

namespace ymgr::cli::people {
namespace {

team::NewPerson newcomer(Invocation& call, const TeamServers& servers) {
  team::NewPerson who;
  who.name = call.text("NAME");
  who.role = call.maybe("--role").value_or("user");
  who.login = call.text("--login");
  who.mail = call.text("--mail");
  who.upn = call.text("--upn");
  return team::checked(servers.settings, std::move(who));
}

std::optional<Secret> first_password(Invocation& call, const team::PeopleAdmin& admin, const team::NewPerson& who) {
  const bool given = call.has("--password-file");
  if (given && !team::has_accounts(admin.settings))
    throw Error(Code::usage, "people log in by " + admin.settings.auth + ": their passwords are not kept here",
                "leave out --password-file");
  if (!given && !team::needs_password(admin, who)) return std::nullopt;
  Secret password = call.new_secret("--password-file", "Password of " + who.name + std::string(password_prompt_end));
  users::check_password(password);
  return password;
}

}  // namespace

Result add(Invocation& call, const TeamServers& servers) {
  const UserAdmin rows = admin_of(call);
  rows.session.require(Right::manage_users);
  const team::PeopleAdmin admin{servers.settings, servers.vault, rows};
  const auto who = newcomer(call, servers);
  const auto password = first_password(call, admin, who);
  const bool changed = !call.globals().dry_run;
  if (changed) team::add_person(admin, who, password ? &*password : nullptr);
  Result result = user_answer(who.name, changed, "added user " + who.name, "would add user " + who.name);
  result.json.set("role", who.role);
  return result;
}

Result set_enabled(Invocation& call, const TeamServers& servers, bool enabled) {
  const UserAdmin rows = admin_of(call);
  const team::PeopleAdmin admin{servers.settings, servers.vault, rows};
  const std::string name = call.text("NAME"), word = enabled ? "enabled" : "disabled";
  if (call.globals().dry_run) {
    rows.session.require(Right::manage_users);
    const bool differs = users::get(rows.db, name).enabled != enabled;
    return user_answer(name, false, "",
                       differs ? "user " + name + " would be " + word : "user " + name + " is " + word + " already");
  }
  const bool changed = team::set_person_enabled(admin, name, enabled);
  return user_answer(name, changed, word + " user " + name, "user " + name + " is " + word + " already");
}

Result set_role(Invocation& call, const TeamServers& servers) {
  const UserAdmin rows = admin_of(call);
  rows.session.require(Right::manage_users);
  const team::PeopleAdmin admin{servers.settings, servers.vault, rows};
  const std::string name = call.text("NAME"), role = call.text("ROLE");
  Result result;
  if (call.globals().dry_run) {
    users::get(rows.db, name);
    const bool differs = team::view_person(admin, name).role != role;
    result = user_answer(name, false, "", differs ? name + " would become " + role : name + " is " + role + " already");
  } else {
    result = user_answer(name, team::set_person_role(admin, name, role), name + " is now " + role,
                         name + " is " + role + " already");
  }
  result.json.set("role", role);
  return result;
}

Result set_names(Invocation& call, const TeamServers& servers) {
  const UserAdmin rows = admin_of(call);
  rows.session.require(Right::manage_users);
  const team::PeopleAdmin admin{servers.settings, servers.vault, rows};
  const auto present = team::view_person(admin, call.text("NAME"));
  const auto wanted = [&](std::string_view option, std::string kept) {
    const std::string given = call.maybe(option).value_or(std::move(kept));
    return given == "-" ? std::string() : given;
  };
  team::NewPerson who;
  who.name = call.text("NAME");
  const bool has_mail = !present.names.empty() && present.names.back() != who.name;
  who.mail = wanted("--mail", has_mail ? present.names.back() : std::string());
  who.upn = wanted("--upn", present.upn);
  who = team::checked(servers.settings, std::move(who));
  const bool changed = !call.globals().dry_run && team::set_person_names(admin, who);
  return user_answer(who.name, changed, "set the names of " + who.name,
                     "the names of " + who.name + " are these already");
}

Result set_password(Invocation& call, const TeamServers& servers) {
  if (call.has("--recovery-key-file"))
    throw Error(Code::usage, "a team has no recovery key",
                "an admin of the team sets the password; Vault's own admins can");
  const UserAdmin rows = admin_of(call);
  const std::string name = call.text("NAME");
  const bool own = name == rows.session.identity().user;
  if (!own) {
    rows.session.require(Right::manage_users);
    users::get(rows.db, name);
  }
  std::optional<Secret> present;
  if (own) present = call.secret("--present-password-file", "Present password of " + name + ":");
  const Secret password =
      call.new_secret("--password-file", "New password of " + name + std::string(password_prompt_end));
  users::check_password(password);
  const bool changed = !call.globals().dry_run;
  const bool ends_all = changed && team::set_person_password({servers.settings, servers.vault, rows}, name, password,
                                                             present ? &*present : nullptr);
  const char* ended =
      ends_all ? ", whose sessions, tokens and database logins are ended"
               : "; this session is over, and tokens of other logins end by their time (an admin ends them at once)";
  return user_answer(name, changed, "set the password of " + name + ended, "would set the password of " + name);
}

Json view(Invocation& call, const TeamServers& servers, std::string_view name, std::string& role) {
  const UserAdmin rows = admin_of(call);
  const auto found = team::view_person({servers.settings, servers.vault, rows}, name);
  if (!found.role.empty()) role = found.role;
  return Json::object({{"entity_id", found.entity_id},
                       {"login", found.login},
                       {"enabled", found.enabled},
                       {"names", Json::texts(found.names)},
                       {"upn", found.upn},
                       {"devices", Json::texts(found.serials)},
                       {"missing", Json::texts(found.missing)}});
}

}  // namespace ymgr::cli::people
