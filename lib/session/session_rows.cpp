#include "session/session_rows.hpp"

#include "base/files.hpp"
#include "base/text.hpp"
#include "session/session_file.hpp"

namespace ymgr::session {

namespace {

constexpr Duration clock_tolerance = std::chrono::seconds(60);

}  // namespace

Error not_logged_in(std::string message) {
  return Error(Code::not_logged_in, std::move(message), "run: ymgr login");
}

std::string file_of(const SessionPlace& place) {
  if (!is_profile_id(place.profile_id)) {
    throw Error(Code::internal, "a profile id that can't name a file: " + printable(place.profile_id));
  }
  return place.folder + "/" + place.profile_id;
}

void prepare(const SessionPlace& place) {
  make_folder(place.folder, 0700);
  require_private(place.folder, 0700, "session folder");
}

std::optional<StoredSession> find_row(sql::Connection& db, std::string_view session_id) {
  std::optional<StoredSession> found;
  db.run(
      "SELECT s.user_name, s.data_key_box, s.created_at, s.expires_at, s.ended_at, u.role, u.status "
      "FROM user_sessions s JOIN users u ON u.name = s.user_name WHERE s.session_id = $1",
      {session_id}, [&](const sql::Row& row) {
        found = StoredSession{std::string(row.text(0)),   std::string(row.text(1)), parse_role(row.text(5)),
                              row.text(6) == "active",    !row.is_null(4),          from_micros(row.integer(2)),
                              from_micros(row.integer(3))};
      });
  return found;
}

void end_row(sql::Connection& db, std::string_view session_id, Time at) {
  db.run("UPDATE user_sessions SET ended_at = $2, data_key_box = NULL WHERE session_id = $1 AND ended_at IS NULL",
         {session_id, to_micros(at)});
}

void end_expired(sql::Connection& db, Time at) {
  db.run(
      "UPDATE user_sessions SET ended_at = expires_at, data_key_box = NULL WHERE ended_at IS NULL AND expires_at <= $1",
      {to_micros(at)});
}

void check_row(const StoredSession& stored, Time at) {
  if (!stored.enabled)
    throw Error(Code::user_disabled, "user " + stored.user + " is disabled", "An admin can run: ymgr user enable NAME");
  if (stored.ended) throw not_logged_in("the session was ended");
  if (at < stored.created_at - clock_tolerance) {
    throw Error(Code::clock_set_back,
                "the clock says " + format_time(at) + " but the session began at " + format_time(stored.created_at),
                "Set the clock right, or log in again: ymgr login");
  }
  if (at < stored.expires_at) return;
  throw Error(Code::session_expired, "the session of " + stored.user + " expired at " + format_time(stored.expires_at),
              "run: ymgr login");
}

}  // namespace ymgr::session
