// A session at a team's servers: Vault's token, the database login that it made, and a row that says whose they are.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "session/session.hpp"
#include "vault/auth.hpp"
#include "vault/database.hpp"

namespace ymgr {

/// What the servers gave somebody who logged in.
struct VaultLogin {
  vault::Token token;  // of an entity
  vault::DatabaseCredentials database;
  bool own_token = true;  // false: somebody handed it over, and goes on using it
  /// What a session keeps of it.
  VaultLogin kept() const;
};

/// What the next command needs of a session; all of it dies with the token.
struct VaultSessionFile {
  std::string session_id;  // 32 lower-case hex digits
  std::string profile_id;
  VaultLogin login;
};
Secret format_vault_session(const VaultSessionFile&);
/// nullopt: not such a file.
std::optional<VaultSessionFile> parse_vault_session(std::string_view text);

namespace session {

/// New credentials for the token's own database role. @throws Error login-refused: the token has no entity; those of the call
vault::DatabaseCredentials database_login(vault::Client&, const vault::Token&, std::string_view mount);
/// Whom the database knows the login as. @throws Error not-logged-in: as nobody; user-disabled
Identity identity_of_login(sql::Connection&);

/// Writes the row, then the file. `also`, if any, runs in the transaction of the row. A former session of this place is ended by
/// the caller, whose token it needs.
Session start(sql::Connection&, const SessionPlace&, const VaultLogin&, Identity, Duration life,
              const std::function<void(Time expires_at)>& also);
/// The file alone, in place of the one that stands there: a lease was renewed, or the database login is another one.
void write_vault_session(const SessionPlace&, const VaultSessionFile&);
/// The same, if the file is that session's still: another login may have taken its place, or a logout.
void replace_vault_session(const SessionPlace&, const VaultSessionFile&);
/// @throws Error not-logged-in: none, or a damaged one; file-unsafe
VaultSessionFile read_vault_session(const SessionPlace&);
/// The row of that file. @throws Error not-logged-in, session-expired, user-disabled, clock-set-back
Session resume(sql::Connection&, const VaultSessionFile&);
/// Ends the row. `also`, if any, gets the user in the transaction that ends an open one.
void end(sql::Connection&, const VaultSessionFile&, const std::function<void(const std::string& user)>& also);
/// nullopt: there is none. A damaged one is removed. @throws Error file-unsafe
std::optional<VaultSessionFile> find_vault_session(const SessionPlace&);
void remove_session_file(const SessionPlace&);
/// If it is that session's still.
void remove_session_file(const SessionPlace&, std::string_view session_id);

}  // namespace session
}  // namespace ymgr
