// Login and users: what changes is audited here.
#pragma once
#include <string>
#include <string_view>

#include "audit/audit.hpp"
#include "session/session.hpp"
#include "sql/connection.hpp"

namespace ymgr {

/// 8 h; an admin's 1 h.
Duration session_life(Role) noexcept;

/// For one command. @throws Error wrong-password, locked-out, user-disabled, which are audited too
Authenticated authenticate(sql::Connection&, Authenticator&, const Credentials&);
/// By the local users.
Authenticated authenticate(sql::Connection&, const Credentials&);
/// @throws Error as authenticate
Session login(sql::Connection&, Authenticator&, const SessionPlace&, const Credentials&);
Session login(sql::Connection&, const SessionPlace&, const Credentials&);

/// @return false: there was no session
bool logout(sql::Connection&, const SessionPlace&);

/// A session that changes users.
struct UserAdmin {
  sql::Connection& db;
  const Session& session;
  const audit::HeadSigner* signer;
};
void add_user(const UserAdmin&, std::string_view name, Role, const Secret& password);
/// @return false: it was so already
bool set_user_enabled(const UserAdmin&, std::string_view name, bool enabled);
bool set_user_role(const UserAdmin&, std::string_view name, Role);
/// One's own, or as an admin anybody's.
/// @param present  one's own until now, which an open session must prove again; not needed for anybody else's
/// @throws Error input-needed, wrong-password, role-denied
void set_user_password(const UserAdmin&, std::string_view name, const Secret& password, const Secret* present);
/// An open session of whose owner is asked for the present password by set_user_password.
bool needs_present_password(const Session&, std::string_view name) noexcept;
/// Without a session, by the recovery key. @throws Error box-invalid
void recover_user(sql::Connection&, const Secret& recovery_key, std::string_view name, const Secret& password);

}  // namespace ymgr
