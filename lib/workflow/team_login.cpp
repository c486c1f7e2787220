#include "workflow/team_login.hpp"

#include <algorithm>
#include <optional>

#include "audit/audit.hpp"
#include "base/crypto.hpp"
#include "base/error.hpp"
#include "base/text.hpp"
#include "base/workers.hpp"
#include "session/session_vault.hpp"
#include "workflow/login.hpp"
#include "workflow/stand_in_link.hpp"

namespace ymgr::team {

namespace {

vault::Token log_in_by_token(vault::Client& client, const LoginRequest& request) {
  if (!request.wrapped) return vault::login_token(client, request.token.clone());
  std::vector<std::string> made_by = {"auth/token/create", "auth/token/create-orphan"};
  if (!request.role.empty()) made_by.push_back("auth/token/create/" + request.role);
  return vault::unwrap_token(client, request.token, made_by);
}

vault::Token log_in_by_browser(vault::Client& client, const LoginRequest& request) {
  vault::OidcLogin login = request.browser;
  login.role = request.role;
  login.mount = request.mount;
  return vault::login_oidc(client, login);
}

vault::Token log_in_by_approle(vault::Client& client, const LoginRequest& request) {
  if (!request.wrapped) return vault::login_approle(client, request.role_id, request.secret_id, request.mount);
  if (request.role.empty())
    throw Error(Code::usage,
                "a wrapped secret id is looked at before it is opened, and nobody said of which role it is",
                "Name the role with --role");
  const Secret opened = vault::unwrap_secret_id(client, request.secret_id, request.role, request.mount);
  return vault::login_approle(client, request.role_id, opened, request.mount);
}

audit::Event event(std::string name, std::string_view user, Json data = Json::object()) {
  return {.request_id = "", .event = std::move(name), .target = std::string(user), .data = std::move(data)};
}

Error is_over() {
  return Error(Code::not_logged_in, "the session's token is dead: it expired, was revoked, or its owner was disabled",
               "run: ymgr login");
}

/// What a dead token says, in the words of sessions.
template <class Ask>
auto asked_under_session(Ask&& ask) {
  try {
    return ask();
  } catch (const Error& error) {
    if (error.code() != Code::vault_token_dead) throw;
    throw is_over();
  }
}

/// Somebody whom an auth method lets in, and to whose entity the team gave no policy: Vault made it up at this login.
bool is_stranger(const vault::Token& token, const Settings& settings) {
  return !token.policies.empty() && std::ranges::none_of(token.policies, [&](const std::string& policy) {
    return policy.starts_with(settings.prefix);
  });
}

Error stranger(const vault::Token& token, const Settings& settings) {
  const std::string mount = settings.auth_mount + "-", &name = token.display_name;
  const std::string login = name.starts_with(mount) ? shell_quote(name.substr(mount.size())) : "SUBJECT";
  return Error(Code::login_refused,
               "Vault lets " + (name.empty() ? "this login" : name) + " in, and ymgr does not know who that is",
               "An admin can run: ymgr user add NAME --login " + login);
}

std::string team_id(std::initializer_list<std::string> settings) {
  return "team-" + hex(sha256(join(std::vector(settings), "\n"))).substr(0, 24);
}

}  // namespace

vault::Token log_in(vault::Client& client, const LoginRequest& request) {
  const std::string& method = request.method;
  if (method == "userpass") return vault::login_userpass(client, request.user, request.password, request.mount);
  if (method == "ldap") return vault::login_ldap(client, request.user, request.password, request.mount);
  if (method == "approle") return log_in_by_approle(client, request);
  if (method == "jwt") return vault::login_jwt(client, request.role, request.jwt, request.mount);
  if (method == "kubernetes") return vault::login_kubernetes(client, request.role, request.jwt, request.mount);
  if (method == "cert") return vault::login_certificate(client, request.role, request.mount);
  if (method == "oidc") return log_in_by_browser(client, request);
  if (method == "token") return log_in_by_token(client, request);
  throw Error(Code::config_invalid, "there is no way to log in called '" + printable(method) + "'",
              "It is one of userpass, ldap, oidc, cert, jwt, kubernetes, approle and token");
}

vault::Client open_vault(const Settings& settings, const Reach& reach) {
  return vault::Client({.addresses = split(settings.address, ','),
                        .name_space = settings.vault_namespace,
                        .ca_file = settings.vault_ca_file,
                        .identity = reach.identity,
                        .timeout = reach.timeout});
}

sql::PostgresSettings database_place(const Settings& settings, const Reach& reach) {
  const auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(reach.timeout).count();
  const int milliseconds = static_cast<int>(std::clamp<std::int64_t>(wait, 1, 3'600'000));
  sql::PostgresSettings place;
  place.host = settings.host;
  place.port = settings.port;
  place.database = settings.database_name;
  place.ca_file = settings.database_ca_file;
  place.answer_milliseconds = milliseconds;
  place.reconnect_milliseconds = std::min(place.reconnect_milliseconds, milliseconds);
  place.lock_milliseconds = std::min(place.lock_milliseconds, milliseconds);
  return place;
}

std::string profile_id(const Settings& settings) {
  return team_id({settings.address, settings.vault_namespace, settings.host, settings.port, settings.database_name,
                  settings.prefix});
}

std::string stand_in_prefix(const Settings& settings) {
  return team_id({settings.vault_namespace, settings.database_name, settings.prefix}) + ".";
}

std::string stand_in_name(const Settings& settings, std::string_view entity_id, std::string_view context) {
  const std::string name = stand_in_prefix(settings) + std::string(entity_id);
  return context.empty() ? name : name + "." + hex(sha256(context)).substr(0, 8);
}

struct Link::State {
  Settings settings;
  SessionPlace place;
  Reach reach;
  vault::Client client;
  VaultLogin login = {};
  std::string session_id = {};  // empty: for one command
  std::unique_ptr<sql::Connection> db = {};
  bool is_checked = false;  // its schema
  bool stands_in = false;   // it is in place of PostgreSQL
  std::optional<Session> session = {};
  std::optional<Worker> aside = {};  // has the client

  vault::Client& own() noexcept {
    aside.reset();
    return client;
  }

  vault::DatabaseCredentials new_database_login() {
    try {
      return asked_under_session([&] { return session::database_login(own(), login.token, settings.database); });
    } catch (const Error& error) {
      if (error.code() != Code::vault_denied || !is_stranger(login.token, settings)) throw;
      throw stranger(login.token, settings);
    }
  }

  void replace_database_login() {
    login.database = new_database_login();
    keep();
  }

  /// For the next command.
  void keep() {
    if (!session_id.empty()) session::replace_vault_session(place, {session_id, place.profile_id, login.kept()});
  }

  /// What was lent; a token that is not our own lives on.
  void give_back() {
    if (login.own_token)
      vault::revoke_self(own());
    else if (!login.database.lease.id.empty())
      vault::revoke(own(), login.database.lease);
  }

  bool tend_lease() {
    try {
      return vault::tend(own(), login.database.lease);
    } catch (const Error& error) {
      if (error.code() != Code::vault_not_found) throw;
      login.database = new_database_login();
      return true;
    }
  }
};

Link::Link(std::unique_ptr<State> state) : state_(std::move(state)) {}

Link::~Link() {
  if (!state_ || !state_->session_id.empty() || state_->client.token().empty()) return;
  state_->db.reset();
  try {
    state_->give_back();
  } catch (const std::exception&) {
    // It ends by its time; the command is done.
  }
}

std::unique_ptr<Link> Link::resume(Settings settings, const SessionPlace& place, const Reach& reach) {
  VaultSessionFile file = session::read_vault_session(place);
  vault::Client client = open_vault(settings, reach);
  client.use_token(file.login.token.secret);
  return std::make_unique<Link>(std::unique_ptr<State>(new State{.settings = std::move(settings),
                                                                 .place = place,
                                                                 .reach = reach,
                                                                 .client = std::move(client),
                                                                 .login = std::move(file.login),
                                                                 .session_id = file.session_id}));
}

std::unique_ptr<Link> Link::for_one_command(Settings settings, const SessionPlace& place, const Reach& reach,
                                            const LoginRequest& request) {
  vault::Client client = open_vault(settings, reach);
  auto token = log_in(client, request);
  auto link = std::make_unique<Link>(std::unique_ptr<State>(
      new State{.settings = std::move(settings), .place = place, .reach = reach, .client = std::move(client)}));
  link->state_->login.token = std::move(token);
  link->state_->login.own_token = request.method != "token" || request.wrapped;
  return link;
}

const Settings& Link::settings() const noexcept {
  return state_->settings;
}
vault::Client& Link::vault() noexcept {
  return state_->own();
}
void Link::ask_aside(std::function<void(vault::Client&)> ask) {
  state_->own();
  state_->aside.emplace();
  state_->aside->run([ask = std::move(ask), client = &state_->client] { ask(*client); });
}
const std::string& Link::entity_id() const noexcept {
  return state_->login.token.entity_id;
}

sql::Connection& Link::any_database() {
  State& state = *state_;
  if (state.db) return *state.db;
  const auto& lease = state.login.database.lease;
  if (lease.id.empty() || lease.term.is_over()) state.replace_database_login();
  sql::PostgresSettings place = database_place(state.settings, state.reach);
  place.user = state.login.database.username;
  place.password = state.login.database.password.clone();
  place.new_credentials = [&state](sql::PostgresSettings& settings) {
    state.replace_database_login();
    settings.user = state.login.database.username;
    settings.password = state.login.database.password.clone();
  };
  state.db = sql::open_postgres(std::move(place));
  return *state.db;
}

sql::Connection& Link::database() {
  sql::Connection& db = any_database();
  if (state_->is_checked) return db;
  if (const int found = sql::check_schema(db); found < sql::schema_version())
    throw Error(Code::database_older,
                "the team's database has schema " + std::to_string(found) + ", and this ymgr needs " +
                    std::to_string(sql::schema_version()),
                "Whoever set it up runs: ymgr db upgrade");
  state_->is_checked = true;
  return db;
}

const Session& Link::session() {
  State& state = *state_;
  if (state.session) return *state.session;
  if (state.session_id.empty()) {
    const Time ends = now() + std::chrono::hours(1);
    state.session.emplace(session::identity_of_login(database()), "",
                          std::min(ends, state.login.token.term.expires_at.value_or(ends)), std::nullopt);
    return *state.session;
  }
  try {
    state.session.emplace(session::resume(database(), VaultSessionFile{state.session_id, state.place.profile_id, {}}));
  } catch (const Error& error) {
    if (error.code() == Code::session_expired) session::remove_session_file(state.place, state.session_id);
    throw;
  }
  return *state.session;
}

void Link::tend() {
  State& state = *state_;
  asked_under_session([&] {
    const bool token = vault::tend(state.own(), state.login.token);
    const bool lease = !state.stands_in && state.tend_lease();
    if (token || lease) state.keep();
  });
}

void Link::begin_session() {
  State& state = *state_;
  const Identity who = session().identity();
  state.session =
      session::start(database(), state.place, state.login, who, session_life(who.role), [&](Time expires_at) {
        const auto what = event("login", who.user, Json::object({{"expires_at", format_time(expires_at)}}));
        audit::append(database(), who.user, {what}, nullptr);
      });
  state.session_id = state.session->session_id();
}

void Link::end_session(Notices& notices) {
  State& state = *state_;
  try {
    session::end(database(), VaultSessionFile{state.session_id, state.place.profile_id, {}},
                 [&](const std::string& user) { audit::append(database(), user, {event("logout", user)}, nullptr); });
  } catch (const Error& error) {
    notices.warn(std::string("the session's row ends by its time: ") + error.what());
  }
  state.db.reset();
  try {
    state.give_back();
  } catch (const Error& error) {  // whoever finds this host later shall not find the token
    notices.warn(std::string("the token ends by its time: ") + error.what());
  }
  session::remove_session_file(state.place, state.session_id);
}

std::unique_ptr<Link> link_to_stand_in(Settings settings, const SessionPlace& place, const Reach& reach,
                                       const LoginRequest* request, const OpenStandIn& open) {
  vault::Client client = open_vault(settings, reach);
  auto state = std::unique_ptr<Link::State>(
      new Link::State{.settings = std::move(settings), .place = place, .reach = reach, .client = std::move(client)});
  if (request) {
    state->login.token = log_in(state->client, *request);
    state->login.own_token = request->method != "token" || request->wrapped;
  } else {
    auto file = session::read_vault_session(place);
    state->client.use_token(file.login.token.secret);
    state->login = std::move(file.login);
    state->session_id = file.session_id;
  }
  Link::State& standing = *state;
  auto link = std::make_unique<Link>(std::move(state));  // gives back what was lent, whatever comes
  auto opened = open(standing.login.token.entity_id);
  if (!opened) return nullptr;
  standing.db = std::move(opened->db);
  standing.is_checked = standing.stands_in = true;
  const Time ends = now() + std::chrono::hours(1);
  standing.session.emplace(opened->who, standing.session_id,
                           std::min(ends, standing.login.token.term.expires_at.value_or(ends)), std::nullopt);
  return link;
}

std::unique_ptr<Link> login(const Settings& settings, const SessionPlace& place, const Reach& reach,
                            const LoginRequest& request, Notices& notices) {
  auto link = Link::for_one_command(settings, place, reach, request);
  link->session();
  try {
    logout(settings, place, reach, notices);
  } catch (const Error& error) {
    notices.warn(std::string("the former session ends by its time: ") + error.what());
  }
  link->begin_session();
  return link;
}

bool logout(const Settings& settings, const SessionPlace& place, const Reach& reach, Notices& notices) {
  if (!session::find_vault_session(place)) return false;
  Link::resume(settings, place, reach)->end_session(notices);
  return true;
}

}  // namespace ymgr::team
