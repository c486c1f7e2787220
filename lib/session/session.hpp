// Login, sessions, users.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/audit.hpp"
#include "base/clock.hpp"
#include "secrets/secret_store.hpp"
#include "session/password.hpp"
#include "sql/connection.hpp"

namespace ymgr {

enum class Role { admin, operator_, user, auditor };
std::string_view to_string(Role) noexcept;  // "admin", "operator", …
/// @throws Error usage listing the four
Role parse_role(std::string_view text);

/// What a command wants to do; roles are checked against one table (session/roles.cpp). A user's rights reach as far as
/// the user's own certificates and keys: the workflows compare the owner.
enum class Right {
  issue,
  renew,
  revoke,
  resume,
  reconcile,
  abandon,
  approve,
  read_inventory,
  report,
  read_audit,
  checkpoint_audit,
  show_policy,
  manage_users,
  manage_ca,
  manage_devices,  // enroll, assign, reset, reveal, …
  use_devices,     // set the PIN of one
  backup
};
std::string_view to_string(Right) noexcept;
bool allows(Role, Right) noexcept;

struct Identity {
  std::string user;
  Role role = Role::user;
};

struct Credentials {
  std::string user;
  Secret password;
};
struct Authenticated {
  Identity identity;
  std::optional<DataKey> data_key;  // none for auditors
};

/// Credentials to an identity. Local: users table with Argon2id.
class Authenticator {
 public:
  virtual ~Authenticator() = default;
  /// Five wrong passwords lock the user for a minute, doubling to an hour.
  /// @throws Error wrong-password (the same text and time for an unknown user), locked-out, user-disabled (only after the
  /// right password)
  virtual Authenticated authenticate(const Credentials&) = 0;
};
std::unique_ptr<Authenticator> open_local_authenticator(sql::Connection&);

/// An open session.
class Session {
 public:
  Session(Identity identity, std::string session_id, Time expires_at, std::optional<DataKey> data_key);
  const Identity& identity() const noexcept { return identity_; }
  const std::string& session_id() const noexcept { return session_id_; }  // empty: logged in for one command
  Time expires_at() const noexcept { return expires_at_; }
  bool has_data_key() const noexcept { return data_key_.has_value(); }
  /// @throws Error role-denied: auditors have none
  const DataKey& data_key() const;
  /// @throws Error role-denied naming the right and the roles that have it
  void require(Right) const;
  /// A user's rights end at what the user owns.
  bool may_touch(std::string_view owner) const noexcept;
  /// @param what  "the certificate of www.example.com"  @throws Error role-denied
  void require_touch(std::string_view owner, const std::string& what) const;

 private:
  Identity identity_;
  std::string session_id_;
  Time expires_at_;
  std::optional<DataKey> data_key_;
};

/// Where session files stand: XDG_RUNTIME_DIR/ymgr, else a folder of this user on another tmpfs; the caller chooses.
struct SessionPlace {
  std::string folder;      // 0700, ours
  std::string profile_id;  // of the profile: one session file a profile
};

namespace session {

/// Writes the session row and file (0600), ending a former session of this place. `life`: 8 h; admin 1 h. Writes a file, so
/// not for the inside of a transaction. `also`, if any, runs in the transaction of the row.
Session start(sql::Connection&, const SessionPlace&, Authenticated, Duration life,
              const std::function<void(Time expires_at)>& also = {});
/// The role is the user's present one. An expired session is ended. Writes nothing otherwise.
/// @throws Error not-logged-in (also: ended, damaged file), session-expired, clock-set-back: more than a minute before its
/// begin, user-disabled, file-unsafe, box-invalid
Session resume(sql::Connection&, const SessionPlace&);
/// Ends it in the database and removes the file. `also`, if any, gets the user in the transaction that ends an open one.
/// @return false: there was none
bool end(sql::Connection&, const SessionPlace&, const std::function<void(const std::string& user)>& also = {});
/// Ends all sessions of a user.
void end_all(sql::Connection&, std::string_view user);

}  // namespace session

struct User {
  std::string name;
  Role role = Role::user;
  bool enabled = true;
  Time created_at;
  std::optional<Time> last_login_at, locked_until;
};

/// Users of the local profile. Every change is audited by the caller, in its transaction.
namespace users {

/// One Argon2id run, so before the transaction that stores it. @throws Error user-invalid, password-weak
PasswordRecord hash_password(std::string_view name, const Secret& password);
/// @param password  hashed for that name  @throws Error user-exists. The data key's box is made unless the role is auditor.
void add(sql::Connection&, std::string_view name, Role, const PasswordRecord& password, const DataKey&,
         std::string_view by);
std::vector<User> list(sql::Connection&);
std::optional<User> find(sql::Connection&, std::string_view name);
User get(sql::Connection&, std::string_view name);  // @throws user-not-found
/// Call it where `user` is about to stop being an admin who can log in. @throws Error last-admin
void keep_one_admin(sql::Connection&, const User& user);
/// Disabling ends the user's sessions, enabling unlocks. @throws Error user-not-found, last-admin
void set_enabled(sql::Connection&, std::string_view name, bool enabled);
/// To auditor: deletes the box; from auditor: seals the data key anew. Both end the user's sessions, and so does becoming
/// an admin, whose sessions are shorter; else open sessions take the new role up. @throws Error user-not-found, last-admin
void set_role(sql::Connection&, std::string_view name, Role, const DataKey&);
/// New box keys; unlocks; ends the user's sessions.
/// @param key  the data key (an admin has it, or the person); nullptr does for an auditor
/// @throws Error user-not-found, role-denied: no data key for a user who needs it
void set_password(sql::Connection&, std::string_view name, const PasswordRecord& password, const DataKey* key);
/// @throws Error password-weak: under 12 characters
void check_password(const Secret&);
void check_user_name(std::string_view name);

/// A recovery key: 32 random bytes as text ("ymgr-recovery-ABCD-…", base32 with a checksum, in groups of 4); the data key
/// is sealed under it in settings ("recovery.box"). A new one makes the former useless.
Secret make_recovery_key(sql::Connection&, const DataKey&);
/// Either case, with or without the dashes. @throws Error box-invalid: mistyped, another profile's, or none was made
DataKey open_recovery(sql::Connection&, const Secret& recovery_key);

}  // namespace users
}  // namespace ymgr
