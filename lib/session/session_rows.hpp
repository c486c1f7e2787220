// Rows of user_sessions, as both profiles have them. For this folder.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "session/session.hpp"

namespace ymgr::session {

struct StoredSession {
  std::string user, data_key_box;
  Role role = Role::user;
  bool enabled = true, ended = false;
  Time created_at, expires_at;
};

Error not_logged_in(std::string message);
/// The file of this place. @throws Error internal: the id can't name a file
std::string file_of(const SessionPlace& place);
/// Makes the folder. @throws Error file-unsafe
void prepare(const SessionPlace& place);

std::optional<StoredSession> find_row(sql::Connection& db, std::string_view session_id);
void end_row(sql::Connection& db, std::string_view session_id, Time at);
/// Sessions whose file vanished with its tmpfs would keep their box for ever.
void end_expired(sql::Connection& db, Time at);
/// That it can go on. @throws Error user-disabled, not-logged-in, clock-set-back, session-expired
void check_row(const StoredSession& stored, Time at);

}  // namespace ymgr::session
