// Logging in at a team's servers, and what a login reaches there.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "base/notice.hpp"
#include "session/session.hpp"
#include "sql/connection.hpp"
#include "vault/auth.hpp"
#include "vault/auth_oidc.hpp"
#include "vault/client.hpp"
#include "workflow/team_plan.hpp"

namespace ymgr::team {

/// How somebody proves who it is. What the method does not need is empty.
struct LoginRequest {
  std::string method;  // userpass, ldap, approle, jwt, kubernetes, cert, oidc or token
  std::string mount;   // where the method stands below auth/
  std::string user;    // userpass, ldap
  std::string role;    // jwt, kubernetes, cert, oidc; approle: only to open a wrapped secret id
  Secret password = {};
  Secret jwt = {};
  Secret role_id = {}, secret_id = {};
  Secret token = {};
  bool wrapped = false;           // secret_id or token is a wrapping token, to be opened first
  vault::OidcLogin browser = {};  // oidc; role and mount are those above
};
/// @throws Error config-invalid: no such method; what the logins of vault/auth.hpp throw
vault::Token log_in(vault::Client&, const LoginRequest&);

/// How the servers are reached.
struct Reach {
  Duration timeout = std::chrono::seconds(60);                // of one answer
  std::shared_ptr<const http::ClientIdentity> identity = {};  // shown to Vault when it asks for a certificate
};
vault::Client open_vault(const Settings&, const Reach&);
/// Without user and password.
sql::PostgresSettings database_place(const Settings&, const Reach&);

/// The servers of a team with somebody logged in: one client, one connection, opened when first asked for. One thread.
class Link {
 public:
  /// Under the session of `place`; contacts nobody yet. @throws Error not-logged-in, file-unsafe
  static std::unique_ptr<Link> resume(Settings, const SessionPlace&, const Reach&);
  /// For one command: what was lent for it is given back at the end. A token that was handed over lives on; a session takes it over. @throws Error what log_in throws
  static std::unique_ptr<Link> for_one_command(Settings, const SessionPlace&, const Reach&, const LoginRequest&);
  ~Link();

  const Settings& settings() const noexcept;
  /// @throws Error what Client::call throws when it is used
  vault::Client& vault() noexcept;
  /// Has Vault asked on a thread of its own, while the database is logged into. Whoever takes vault() waits for the end of it. `ask` must
  /// not throw; it may never be called.
  void ask_aside(std::function<void(vault::Client&)> ask);
  const std::string& entity_id() const noexcept;
  /// Whatever version its schema has.
  sql::Connection& any_database();
  /// @throws Error what open_postgres throws; database-older, database-newer; not-logged-in: the token is dead
  sql::Connection& database();
  /// @throws Error not-logged-in, session-expired, user-disabled
  const Session& session();
  /// Renews token and database login when their time is nearly over. Between steps; never inside a transaction.
  void tend();
  /// Makes a session of a login for one command: row, audit event and file. @throws Error disk-unusable, file-unsafe
  void begin_session();
  /// Row, token, database login and file. A row or a token that can't be ended is a warning: it ends by its time.
  void end_session(Notices&);

  struct State;
  explicit Link(std::unique_ptr<State>);

 private:
  std::unique_ptr<State> state_;
};

/// One session file for each team: of its servers' addresses.
std::string profile_id(const Settings&);
/// Of what this person's host does while the database is away: the same when servers get other addresses. `context` of the configuration,
/// if any: a copy of a team's servers has all that the team has, and whoever works with both names them.
std::string stand_in_name(const Settings&, std::string_view entity_id, std::string_view context);
/// What the names of all persons and contexts begin with.
std::string stand_in_prefix(const Settings&);

/// Opens a session, in place of the one of `place`. @throws Error as Link::for_one_command and Link::session
std::unique_ptr<Link> login(const Settings&, const SessionPlace&, const Reach&, const LoginRequest&, Notices&);
/// @return false: there was no session
bool logout(const Settings&, const SessionPlace&, const Reach&, Notices&);

}  // namespace ymgr::team
