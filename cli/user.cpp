#include "cli/user.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "inventory/devices.hpp"
#include "workflow/team_people.hpp"

namespace ymgr::cli {

namespace {

constexpr std::string_view roles = "admin|operator|user|auditor|renewer";

constexpr Argument name_argument[] = {{"NAME", "name of the user", Argument::Count::one, "user"}};
constexpr Argument new_name_argument[] = {{"NAME", "name of the new user"}};
constexpr Argument role_arguments[] = {
    {"NAME", "name of the user", Argument::Count::one, "user"},
    {"ROLE", "admin, operator, user or auditor; in a team also renewer", Argument::Count::one, roles},
};
constexpr Option add_options[] = {
    {.name = "--role", .value = roles, .help = "what the user may do, user at first"},
    {.name = "--password-file", .value = "FILE", .help = "the password, - for standard input", .complete = "file"},
    {.name = "--login", .value = "NAME", .help = "in a team: as the auth method knows the user, NAME at first"},
    {.name = "--mail", .value = "ADDRESS", .help = "in a team: the user's certificates may have this address"},
    {.name = "--upn", .value = "NAME", .help = "in a team: and this name of a Windows login"},
};
constexpr Option names_options[] = {
    {.name = "--mail", .value = "ADDRESS", .help = "mail address that certificates may have, - for none"},
    {.name = "--upn", .value = "NAME", .help = "name of a Windows login, - for none"},
};
constexpr Option password_options[] = {
    {.name = "--password-file", .value = "FILE", .help = "the new password, - for standard input", .complete = "file"},
    {.name = "--present-password-file",
     .value = "FILE",
     .help = "your password until now, for your own; - for standard input",
     .complete = "file"},
    {.name = "--recovery-key-file",
     .value = "FILE",
     .help = "act by the recovery key, without a session",
     .complete = "file"},
};

constexpr Field list_fields[] = {
    {"users", "array of object", "all users, by name"},
    {"users.name", "string", "name"},
    {"users.role", "string", "admin, operator, user or auditor; in a team also renewer"},
    {"users.enabled", "boolean", "whether the user may log in"},
    {"users.locked_until", "?time", "after wrong passwords"},
    {"users.last_login_at", "?time", "last login"},
    {"users.created_at", "time", "when the user was added"},
};
constexpr Column list_columns[] = {{"NAME", "name"},
                                   {"ROLE", "role"},
                                   {"ENABLED", "enabled"},
                                   {"LAST LOGIN", "last_login_at"},
                                   {"LOCKED UNTIL", "locked_until", true},
                                   {"CREATED", "created_at", true}};
constexpr Field show_fields[] = {
    {"name", "string", "name"},
    {"role", "string", "admin, operator, user or auditor; in a team also renewer"},
    {"enabled", "boolean", "whether the user may log in"},
    {"locked_until", "?time", "after wrong passwords"},
    {"last_login_at", "?time", "last login"},
    {"created_at", "time", "when the user was added"},
    {"devices", "array of string", "serial numbers of the user's YubiKeys"},
    {"vault", "?object", "to admins of a team: what Vault knows of the user"},
    {"vault.entity_id", "string", "the user's entity; empty: none"},
    {"vault.login", "string", "as the auth method knows the user"},
    {"vault.enabled", "boolean", "whether Vault lets the user do anything"},
    {"vault.names", "array of string", "names that the user's certificates may have"},
    {"vault.upn", "string", "and the name of a Windows login; empty: none"},
    {"vault.devices", "array of string", "YubiKeys whose PIN the user may use"},
    {"vault.missing", "array of string", "what `user add` would make"},
};
constexpr Field change_fields[] = {
    {"user", "string", "name of the user"},
    {"role", "?string", "role, where it was set"},
    {"changed", "boolean", "false: it was so already, or --dry-run"},
};

constexpr Example list_examples[] = {{"ymgr user list", "who may log in"}};
constexpr Example show_examples[] = {{"ymgr user show bob", "who bob is, and whether something is missing"}};
constexpr Example add_examples[] = {
    {"ymgr user add bob --role operator", "asks for bob's password"},
    {"ymgr user add renewer --role operator --password-file pw", "in a script"},
    {"ymgr user add bob --mail bob@corp.example --upn bob@ad.corp.example", "in a team"},
};
constexpr Example enable_examples[] = {{"ymgr user enable bob", "let bob log in again, also after wrong passwords"}};
constexpr Example disable_examples[] = {{"ymgr user disable bob", "end bob's sessions and refuse new ones"}};
constexpr Example role_examples[] = {{"ymgr user set-role bob auditor", "bob may only read from now on"}};
constexpr Example names_examples[] = {{"ymgr user set-names bob --mail robert@corp.example", "bob's UPN stays"}};
constexpr Example password_examples[] = {
    {"ymgr user set-password bob", "asks for the new password"},
    {"ymgr user set-password alice --recovery-key-file recovery.key", "when alice was the only admin and forgot it"},
};

Json to_json(const User& user) {
  Json json = Json::object({{"name", user.name}, {"role", to_string(user.role)}, {"enabled", user.enabled}});
  json.set("locked_until", user.locked_until ? Json(format_time(*user.locked_until)) : Json());
  json.set("last_login_at", user.last_login_at ? Json(format_time(*user.last_login_at)) : Json());
  return json.set("created_at", format_time(user.created_at));
}

std::string text_of(const Json& shown) {
  std::string text;
  for (const auto& [key, value] : shown.members())
    if (!value.is_null() && !value.is_object())
      text += key + ": " + (value.is_text() ? value.text() : dump_json(value)) + "\n";
  return text;
}

/// One sees oneself.
Result run_show(Invocation& call) {
  const Session& session = call.wiring().session();
  const std::string name = call.text("NAME");
  if (name != session.identity().user) session.require(Right::manage_users);
  sql::Connection& db = call.wiring().database();
  Result result{.json = to_json(users::get(db, name))};
  devices::ListQuery query;
  query.owner = name;
  std::vector<std::string> serials;
  for (const auto& row : devices::list(db, query)) serials.push_back(row.serial);
  result.json.set("devices", Json::texts(serials));
  const TeamServers* servers = call.wiring().team();
  if (servers && allows(session.identity().role, Right::manage_users)) {
    std::string role = result.json.text_or("role", "");
    Json known = people::view(call, *servers, name, role);
    result.text = text_of(result.json.set("role", role)) + text_of(known);
    result.json.set("vault", std::move(known));
  } else {
    result.text = text_of(result.json);
  }
  return result;
}

void refuse_team_options(Invocation& call) {
  for (const char* option : {"--login", "--mail", "--upn"})
    if (call.has(option))
      throw Error(Code::usage,
                  std::string(option) + " is for a team: here the policy alone says what names are allowed",
                  "leave it out");
}

Result run_list(Invocation& call) {
  call.wiring().session().require(Right::manage_users);
  Result result{.json = Json::object({{"users", Json::array()}}), .items = "users", .columns = list_columns};
  const TeamServers* servers = call.wiring().team();
  for (const User& user : users::list(call.wiring().database())) {
    Json json = to_json(user);
    if (servers) json.set("role", team::known_role(servers->settings, servers->vault, user));
    result.json.find("users")->push(std::move(json));
  }
  return result;
}

Result run_add(Invocation& call) {
  if (const TeamServers* servers = call.wiring().team()) return people::add(call, *servers);
  refuse_team_options(call);
  const UserAdmin admin = admin_of(call);
  admin.session.require(Right::manage_users);
  const std::string name = call.text("NAME");
  const Role role = parse_role(call.maybe("--role").value_or("user"));
  users::check_user_name(name);
  const Secret password = call.new_secret("--password-file", "Password of " + name + " (12 characters at least):");
  users::check_password(password);
  const bool changed = !call.globals().dry_run;
  if (changed) add_user(admin, name, role, password);
  Result result = user_answer(name, changed, "added user " + name, "would add user " + name);
  result.json.set("role", to_string(role));
  return result;
}

Result run_enable(Invocation& call) {
  return set_enabled(call, true);
}
Result run_disable(Invocation& call) {
  return set_enabled(call, false);
}

Result run_set_role(Invocation& call) {
  if (const TeamServers* servers = call.wiring().team()) return people::set_role(call, *servers);
  const UserAdmin admin = admin_of(call);
  const std::string name = call.text("NAME");
  const Role role = parse_role(call.text("ROLE"));
  const std::string word(to_string(role));
  Result result;
  if (call.globals().dry_run) {
    admin.session.require(Right::manage_users);
    const bool differs = users::get(admin.db, name).role != role;
    result = user_answer(name, false, "", differs ? name + " would become " + word : name + " is " + word + " already");
  } else {
    result = user_answer(name, set_user_role(admin, name, role), name + " is now " + word,
                         name + " is " + word + " already");
  }
  if (result.changed && role == Role::auditor) {
    call.notices().warn(name + " may have kept a copy of the data key, which nothing takes back");
  }
  result.json.set("role", word);
  return result;
}

Result run_set_names(Invocation& call) {
  if (const TeamServers* servers = call.wiring().team()) return people::set_names(call, *servers);
  throw Error(Code::usage, "names are set for a team: here the policy alone says which are allowed",
              "ymgr policy show tells");
}

Result run_set_password(Invocation& call) {
  if (const TeamServers* servers = call.wiring().team()) return people::set_password(call, *servers);
  const std::string name = call.text("NAME");
  const bool recovers = call.has("--recovery-key-file"), dry_run = call.globals().dry_run;
  sql::Connection& db = call.wiring().database();
  if (!recovers && call.wiring().session().identity().user != name)
    call.wiring().session().require(Right::manage_users);
  std::optional<Secret> recovery_key;
  if (recovers) recovery_key = call.secret("--recovery-key-file", "Recovery key:");
  users::get(db, name);
  std::optional<Secret> present;
  if (!recovers && needs_present_password(call.wiring().session(), name))
    present = call.secret("--present-password-file", "Present password of " + name + ":");
  const Secret password = call.new_secret("--password-file", "New password of " + name + " (12 characters at least):");
  users::check_password(password);
  if (!dry_run && recovery_key) recover_user(db, *recovery_key, name, password);
  if (!dry_run && !recovery_key) set_user_password(admin_of(call), name, password, present ? &*present : nullptr);
  return user_answer(name, !dry_run, "set the password of " + name + ", whose sessions are ended",
                     "would set the password of " + name);
}

}  // namespace

UserAdmin admin_of(Invocation& call) {
  return {call.wiring().database(), call.wiring().session(), call.wiring().head_signer()};
}

Result user_answer(const std::string& name, bool changed, const std::string& done, const std::string& nothing) {
  Result result{.json = Json::object({{"user", name}, {"changed", changed}}),
                .text = changed ? done + "\n" : nothing + "\n"};
  result.changed = changed;
  return result;
}

Result set_enabled(Invocation& call, bool enabled) {
  if (const TeamServers* servers = call.wiring().team()) return people::set_enabled(call, *servers, enabled);
  const UserAdmin admin = admin_of(call);
  const std::string name = call.text("NAME"), word = enabled ? "enabled" : "disabled";
  if (call.globals().dry_run) {
    admin.session.require(Right::manage_users);
    const bool differs = users::get(admin.db, name).enabled != enabled;
    return user_answer(name, false, "",
                       differs ? "user " + name + " would be " + word : "user " + name + " is " + word + " already");
  }
  const bool changed = set_user_enabled(admin, name, enabled);
  return user_answer(name, changed, word + " user " + name, "user " + name + " is " + word + " already");
}

extern const Command user_list_command, user_show_command, user_add_command, user_enable_command, user_disable_command,
    user_set_role_command, user_set_names_command, user_set_password_command;

constinit const Command user_list_command = {
    .path = "user list",
    .summary = "list users",
    .description = "Lists everybody who may log in to this profile, with role and last login.",
    .arguments = {},
    .options = {},
    .fields = list_fields,
    .examples = list_examples,
    .run = run_list,
};

constinit const Command user_show_command = {
    .path = "user show",
    .summary = "show one user",
    .description =
        "Shows a user with role and YubiKeys: oneself, or to an admin anybody. In a team an admin also sees what Vault "
        "knows of the user, and what is missing there.",
    .arguments = name_argument,
    .options = {},
    .fields = show_fields,
    .examples = show_examples,
    .run = run_show,
};

constinit const Command user_add_command = {
    .path = "user add",
    .summary = "add a user",
    .description =
        "Adds a user. An admin may do everything; an operator issues, renews and revokes; a user has certificates of "
        "their own; "
        "an auditor reads lists, reports, audit trail and policy.\n\n"
        "In a team this makes the user known to both servers: entity, login, roles of PKI and of the database, and by "
        "userpass the account with its password. Done again it makes what is missing. A renewer, which only a team "
        "has, "
        "renews and issues for services unattended; lists call it an operator, to whom the servers give less.",
    .arguments = new_name_argument,
    .options = add_options,
    .fields = change_fields,
    .examples = add_examples,
    .run = run_add,
    .effect = Effect::changes,
};

constinit const Command user_enable_command = {
    .path = "user enable",
    .summary = "let a user log in again",
    .description = "Lets a disabled user log in again, and takes off a lock after wrong passwords.",
    .arguments = name_argument,
    .options = {},
    .fields = change_fields,
    .examples = enable_examples,
    .run = run_enable,
    .effect = Effect::changes,
};

constinit const Command user_disable_command = {
    .path = "user disable",
    .summary = "refuse a user's logins and end their sessions",
    .description =
        "Refuses a user's logins and ends their sessions. Their certificates stay as they are. The last admin stays "
        "enabled. In a team the user's tokens and database logins are of no use at once; nobody disables oneself.",
    .arguments = name_argument,
    .options = {},
    .fields = change_fields,
    .examples = disable_examples,
    .run = run_disable,
    .effect = Effect::changes,
};

constinit const Command user_set_role_command = {
    .path = "user set-role",
    .summary = "change what a user may do",
    .description =
        "Changes a user's role. Somebody who becomes an auditor loses the way to the data key. In a team the user's "
        "sessions end, and the database logins of the former role; nobody changes the own role.",
    .arguments = role_arguments,
    .options = {},
    .fields = change_fields,
    .examples = role_examples,
    .run = run_set_role,
    .effect = Effect::changes,
};

constinit const Command user_set_names_command = {
    .path = "user set-names",
    .summary = "change which names a user's certificates may have",
    .description =
        "In a team: changes mail address and Windows login that the CA lets stand in a user's certificates, besides "
        "the "
        "user's name. What is not named stays. Certificates that were issued stay as they are.",
    .arguments = name_argument,
    .options = names_options,
    .fields = change_fields,
    .examples = names_examples,
    .run = run_set_names,
    .effect = Effect::changes,
};

constinit const Command user_set_password_command = {
    .path = "user set-password",
    .summary = "set a user's password",
    .description =
        "Sets one's own password, or as an admin anybody's, and ends the sessions of that user. With "
        "`--recovery-key-file` it "
        "needs no session: the recovery key is the one that `ymgr init --recovery-key-out` wrote.\n\n"
        "In a team this sets the password of a userpass account; other methods have passwords of their own.",
    .arguments = name_argument,
    .options = password_options,
    .fields = change_fields,
    .examples = password_examples,
    .run = run_set_password,
    .effect = Effect::changes,
};

}  // namespace ymgr::cli
