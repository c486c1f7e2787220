#include <algorithm>
#include <chrono>

#include "authority/authority_vault.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "cli/config.hpp"
#include "cli/environment.hpp"
#include "cli/invocation.hpp"
#include "cli/output/table.hpp"
#include "cli/servers.hpp"
#include "workflow/agent_login.hpp"
#include "workflow/init.hpp"
#include "workflow/login.hpp"
#include "workflow/team_people.hpp"
#include "workflow/trail_clock.hpp"

namespace ymgr::cli {

namespace {

constexpr Option login_options[] = {
    {.name = "--user", .value = "NAME", .help = "who logs in, else YMGR_USER", .complete = "user"},
    {.name = "--password-file",
     .value = "FILE",
     .help = "the password, - for standard input, else YMGR_PASSWORD_FILE",
     .complete = "file"},
    {.name = "--method",
     .value = "userpass|ldap|oidc|cert|jwt|kubernetes|approle|token",
     .help = "in a team: how to log in, else vault.auth of the configuration"},
    {.name = "--role", .value = "NAME", .help = "in a team: role to log in with, else vault.role"},
    {.name = "--jwt-file",
     .value = "FILE",
     .help = "the JWT of jwt and kubernetes, - for standard input, else vault.jwt_file",
     .complete = "file"},
    {.name = "--role-id-file",
     .value = "FILE",
     .help = "the role id of approle, else vault.role_id_file",
     .complete = "file"},
    {.name = "--secret-id-file",
     .value = "FILE",
     .help = "the secret id of approle, - for standard input, else vault.secret_id_file",
     .complete = "file"},
    {.name = "--token-file",
     .value = "FILE",
     .help = "the token of --method token, - for standard input, else BAO_TOKEN or VAULT_TOKEN",
     .complete = "file"},
    {.name = "--wrapped", .value = "", .help = "secret id or token is a wrapping token's, to be opened first"},
    {.name = "--listen",
     .value = "ADDRESS:PORT",
     .help = "where the browser of oidc comes back to, 127.0.0.1:8250 at first; the role allows "
             "http://localhost:PORT/oidc/callback"},
    {.name = "--accept-clock",
     .value = "",
     .help = "an admin says that this clock is right, and was wrong when events of a later time were recorded"},
};
constexpr Field session_fields[] = {
    {"user", "string", "who is logged in"},
    {"role", "string", "admin, operator, user or auditor; in a team also renewer"},
    {"expires_at", "time", "when the session ends"},
    {"session", "string", "file: until logout; command: for this command only"},
    {"demo", "boolean", "whether the profile is marked as a demo: software keys are believed to be YubiKeys"},
};
constexpr Option whoami_options[] = {
    {.name = "--identity-token", .value = "", .help = "print a token that proves to the agent who you are"},
};
constexpr Field whoami_fields[] = {
    {"user", "string", "who is logged in"},
    {"role", "string", "admin, operator, user or auditor; in a team also renewer"},
    {"expires_at", "time", "when the session ends; with --identity-token, when the token does"},
    {"session", "string", "file: until logout; command: for this command only"},
    {"demo", "boolean", "whether the profile is marked as a demo: software keys are believed to be YubiKeys"},
    {"identity_token", "?string", "with --identity-token: a JWT of 15 minutes at most, a secret"},
};
constexpr Example login_examples[] = {
    {"ymgr login --user alice", "asks for the password"},
    {"ymgr login --user alice --password-file pw", "in a script"},
    {"ymgr login --method oidc", "in a team: by the browser"},
    {"YMGR_USER=renewer YMGR_PASSWORD_FILE=/etc/ymgr/pw ymgr renew --due",
     "without login: for one command, leaving nothing behind"},
};
constexpr Field logout_fields[] = {{"ended", "boolean", "false: there was no session"}};
constexpr Example logout_examples[] = {{"ymgr logout", "end the session of this profile"}};
constexpr Example whoami_examples[] = {
    {"ymgr whoami", "user, role and end of the session"},
    {"ymgr whoami --identity-token", "for scripts that ask the agent themselves, with curl"},
};

constexpr const char* team_login_options[] = {"--method",         "--role",       "--jwt-file", "--role-id-file",
                                              "--secret-id-file", "--token-file", "--wrapped",  "--listen"};

/// Login and logout do not wait longer for an agent than that.
constexpr Duration agent_patience = std::chrono::seconds(5);

Duration patience(Invocation& call) {
  return std::min(agent_patience, call.wiring().config().timeout());
}

std::string role_of(Invocation& call, const Session& session) {
  const Role role = session.identity().role;
  const TeamServers* servers = call.wiring().team();
  return servers ? team::own_role(call.wiring().database(), servers->settings, role) : std::string(to_string(role));
}

Json to_json(Invocation& call, const Session& session) {
  return Json::object({{"user", session.identity().user},
                       {"role", role_of(call, session)},
                       {"expires_at", format_time(session.expires_at())},
                       {"session", session.session_id().empty() ? "command" : "file"},
                       {"demo", is_demo(call.wiring().database())}});
}

std::string describe(Invocation& call, const Session& session) {
  return session.identity().user + " (" + role_of(call, session) + "), until " + format_time(session.expires_at()) +
         ", " + describe_distance(now(), session.expires_at()) +
         (is_demo(call.wiring().database()) ? ", in a demo profile\n" : "\n");
}

void greet(Invocation& call, const SessionPlace& place, const Session& session, sql::Connection& db, Stores& stores) {
  const AgentPlace agent = call.wiring().agent_place();
  forget_agent(place, agent, patience(call), call.notices());  // that of a login before
  greet_agent(db, place, agent, session, stores, patience(call), call.notices());
}

/// Whoever may not say so is not left logged in.
void accept_clock_or_end(sql::Connection& db, const SessionPlace& place, const Session& session) {
  try {
    accept_clock(db, session);
  } catch (const Error& refusal) {
    try {
      logout(db, place);
    } catch (const Error&) {
      throw Error(refusal);  // the session ends by itself
    }
    throw;
  }
}

const Session& login_to_profile(Invocation& call) {
  Wiring& wiring = call.wiring();
  for (const char* option : team_login_options)
    if (call.has(option))
      throw Error(Code::usage, std::string(option) + " is for a team: a profile has passwords alone", "leave it out");
  sql::Connection& db = wiring.database();
  if (!call.has("--accept-clock")) check_clock(db);
  const SessionPlace place = wiring.session_place();
  std::string user = asked_user(call);
  Secret secret = asked_password(call, user);
  const Session& session = wiring.take_session(login(db, place, {std::move(user), std::move(secret)}));
  if (call.has("--accept-clock")) accept_clock_or_end(db, place, session);
  greet(call, place, session, db, wiring.stores());
  return session;
}

/// Admins alone may write which CAs there are: what Vault has become since is noted when one logs in.
void note_issuers(Invocation& call, const Session& session) {
  if (session.identity().role != Role::admin) return;
  const TeamServers& servers = *call.wiring().team();
  try {
    adopt_vault_issuers(call.wiring().database(), servers.vault, servers.settings.pki);
  } catch (const Error& error) {
    call.notices().warn(std::string("the CA: ") + error.what() + "; " + error.suggestion());
  }
}

const Session& login_to_team(Invocation& call) {
  Wiring& wiring = call.wiring();
  if (call.has("--accept-clock"))
    throw Error(Code::usage, "--accept-clock is for a profile: a team's events have PostgreSQL's time", "leave it out");
  const auto settings = team_settings(wiring.config());
  const SessionPlace place = wiring.session_place();
  const Session& session =
      wiring.take_link(team::login(settings, place, team_reach(wiring.config()), asked_login(call), call.notices()));
  note_issuers(call, session);
  greet(call, place, session, wiring.database(), wiring.stores());
  return session;
}

Result run_login(Invocation& call) {
  const Session& session = call.wiring().is_team() ? login_to_team(call) : login_to_profile(call);
  return {.json = to_json(call, session), .text = "logged in: " + describe(call, session)};
}

bool end_session(Invocation& call, const SessionPlace& place) {
  Wiring& wiring = call.wiring();
  if (!wiring.is_team()) return logout(wiring.database(), place);
  return team::logout(team_settings(wiring.config()), place, team_reach(wiring.config()), call.notices());
}

Result run_logout(Invocation& call) {
  const SessionPlace place = call.wiring().session_place();
  forget_agent(place, call.wiring().agent_place(), patience(call), call.notices());
  const bool ended = end_session(call, place);
  return {.json = Json::object({{"ended", ended}}), .text = ended ? "logged out\n" : "there was no session\n"};
}

Result run_whoami(Invocation& call) {
  const Session& session = call.wiring().session();
  Result result{.json = to_json(call, session), .text = describe(call, session)};
  if (call.has("--identity-token")) {
    const auto token = call.wiring().stores().tokens()->token(session);
    result.json.set("expires_at", format_time(token.expires_at)).set("identity_token", token.text);
    result.text = token.text + "\n";
    result.raw = true;
  }
  return result;
}

}  // namespace

extern const Command login_command, logout_command, whoami_command;

constinit const Command login_command = {
    .path = "login",
    .summary = "open a session",
    .description =
        "Opens a session of 8 hours, or of one hour for an admin. Its file stands in `$XDG_RUNTIME_DIR/ymgr` or in "
        "another folder in "
        "memory, never in the profile; it ends by `ymgr logout`, by its time, and when the machine restarts.\n\n"
        "After `--accept-clock` this clock counts; licences are judged by the later time that is recorded.\n\n"
        "Five wrong passwords lock the user for a minute, each further one for twice as long, at most an hour.\n\n"
        "Where `ymgr-agentd` listens, the login opens a session with it too, which `ymgr logout` ends.\n\n"
        "In a team Vault decides who somebody is, by the auth method that `vault.auth` names or `--method`; the "
        "session "
        "ends with its token, which `ymgr logout` revokes, and with it the login that Vault made at the database. "
        "Locking out is Vault's.\n\n"
        "With `--method oidc` it tells an address, waits until somebody has logged in there with a browser of this "
        "host, "
        "and gives up after five minutes, or after the `--timeout` of the command.\n\n"
        "Unattended commands need no session: with `YMGR_USER` and `YMGR_PASSWORD_FILE` a command logs in for itself, "
        "in "
        "a team also with `BAO_TOKEN` or `VAULT_TOKEN`, which live on, or by the files that `vault.jwt_file`, "
        "`vault.role_id_file` "
        "and "
        "`vault.certificate_file` name. What was lent for it is given back at its end.",
    .arguments = {},
    .options = login_options,
    .fields = session_fields,
    .examples = login_examples,
    .run = run_login,
};

constinit const Command logout_command = {
    .path = "logout",
    .summary = "end the session",
    .description = "Ends the session of this profile and removes its file.",
    .arguments = {},
    .options = {},
    .fields = logout_fields,
    .examples = logout_examples,
    .run = run_logout,
};

constinit const Command whoami_command = {
    .path = "whoami",
    .summary = "show who is logged in",
    .description =
        "Shows user and role, and when the session ends. Exits 4 without a session.\n\n"
        "With `--identity-token` it prints a token of at most 15 minutes with which a script opens a session of its "
        "own "
        "with `ymgr-agentd`. Whoever has it is you to your agent: pass it on by a file or a pipe, not as an argument.",
    .arguments = {},
    .options = whoami_options,
    .fields = whoami_fields,
    .examples = whoami_examples,
    .run = run_whoami,
};

}  // namespace ymgr::cli
