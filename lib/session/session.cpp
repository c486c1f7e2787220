#include "session/session.hpp"

#include "base/crypto.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "session/password.hpp"
#include "session/session_file.hpp"

namespace ymgr::session {
namespace {

constexpr Duration clock_tolerance = std::chrono::seconds(60);
constexpr std::size_t largest_file = 4096;

std::string path_of(const SessionPlace& place) {
  if (!is_profile_id(place.profile_id)) {
    throw Error(Code::internal, "a profile id that can't name a file: " + printable(place.profile_id));
  }
  return place.folder + "/" + place.profile_id;
}

std::string box_binding(std::string_view session_id, std::string_view user) {
  return "user_sessions/" + std::string(session_id) + "/" + std::string(user);
}

Error not_logged_in(std::string message) {
  return Error(Code::not_logged_in, std::move(message), "run: ymgr login");
}

void end_row(sql::Connection& db, std::string_view session_id, Time at) {
  db.run("UPDATE user_sessions SET ended_at = $2, data_key_box = NULL WHERE session_id = $1 AND ended_at IS NULL",
         {session_id, to_micros(at)});
}

/// Sessions whose file vanished with its tmpfs would keep their box for ever.
void end_expired(sql::Connection& db, Time at) {
  db.run(
      "UPDATE user_sessions SET ended_at = expires_at, data_key_box = NULL WHERE ended_at IS NULL AND expires_at <= $1",
      {to_micros(at)});
}

struct StoredSession {
  std::string user, data_key_box;
  Role role = Role::user;
  bool enabled = true, ended = false;
  Time created_at, expires_at;
};

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

SessionFile read_session_file(const SessionPlace& place) {
  const std::string path = path_of(place);
  if (!exists(path)) throw not_logged_in("there is no session");
  require_private(place.folder, 0700, "session folder");
  auto file = parse_session_file(read_secret_file(path).reveal());
  if (!file || file->profile_id != place.profile_id) throw not_logged_in("the session file " + path + " is damaged");
  return std::move(*file);
}

void check(sql::Connection& db, const SessionPlace& place, const StoredSession& stored, Time at) {
  if (!stored.enabled) throw Error(Code::user_disabled, "user " + stored.user + " is disabled");
  if (stored.ended) throw not_logged_in("the session was ended");
  if (at < stored.created_at - clock_tolerance) {
    throw Error(Code::clock_set_back,
                "the clock says " + format_time(at) + " but the session began at " + format_time(stored.created_at));
  }
  if (at < stored.expires_at) return;
  end(db, place);
  throw Error(Code::session_expired, "the session of " + stored.user + " expired at " + format_time(stored.expires_at),
              "run: ymgr login");
}

void insert_row(sql::Connection& db, std::string_view session_id, std::string_view user, Time at, Time expires_at,
                const std::string& box, const std::function<void(Time)>& also) {
  db.transaction(sql::Access::write, [&] {
    end_expired(db, at);
    db.run(
        "INSERT INTO user_sessions (session_id, user_name, created_at, expires_at, data_key_box) "
        "VALUES ($1, $2, $3, $4, $5)",
        {session_id, user, to_micros(at), to_micros(expires_at), box.empty() ? sql::Value() : sql::Value(box)});
    if (also) also(expires_at);
  });
}

}  // namespace

Session start(sql::Connection& db, const SessionPlace& place, Authenticated who, Duration life,
              const std::function<void(Time)>& also) {
  const std::string path = path_of(place);
  make_folder(place.folder, 0700);
  require_private(place.folder, 0700, "session folder");
  end(db, place);

  const Time at = now();
  SessionFile file{to_hex(random_bytes(16)), Secret::random(32), place.profile_id};
  std::string box;
  if (who.data_key) {
    box = to_base64(seal(file.secret, box_binding(file.session_id, who.identity.user), who.data_key->key.reveal()));
  }
  insert_row(db, file.session_id, who.identity.user, at, at + life, box, also);
  try {
    write_file(path, format_session_file(file).reveal(), {0600, {}}, Existing::replace);
  } catch (...) {
    end_row(db, file.session_id, at);
    throw;
  }
  return {std::move(who.identity), std::move(file.session_id), at + life, std::move(who.data_key)};
}

Session resume(sql::Connection& db, const SessionPlace& place) {
  const SessionFile file = read_session_file(place);
  const auto stored = find_row(db, file.session_id);
  if (!stored) throw not_logged_in("the database does not know the session");
  check(db, place, *stored, now());
  std::optional<DataKey> data_key;
  if (stored->role != Role::auditor && !stored->data_key_box.empty()) {
    data_key = DataKey{unseal(file.secret, box_binding(file.session_id, stored->user),
                              decode_column(stored->data_key_box, "data_key_box"))};
  }
  return {{stored->user, stored->role}, file.session_id, stored->expires_at, std::move(data_key)};
}

bool end(sql::Connection& db, const SessionPlace& place, const std::function<void(const std::string&)>& also) {
  const std::string path = path_of(place);
  auto text = read_file_if_there(path, largest_file);
  if (!text) return false;
  const auto file = parse_session_file(*text);
  Secret::absorb(*text);
  if (file) {
    db.transaction(sql::Access::write, [&] {
      const auto stored = find_row(db, file->session_id);
      end_row(db, file->session_id, now());
      if (also && stored && !stored->ended) also(stored->user);
    });
  }
  remove_file(path);
  return true;
}

void end_all(sql::Connection& db, std::string_view user) {
  db.run("UPDATE user_sessions SET ended_at = $2, data_key_box = NULL WHERE user_name = $1 AND ended_at IS NULL",
         {user, to_micros(now())});
}

}  // namespace ymgr::session
