#include "session/session.hpp"

#include "base/crypto.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "session/password.hpp"
#include "session/session_file.hpp"
#include "session/session_rows.hpp"

namespace ymgr::session {
namespace {

constexpr std::size_t largest_file = 4096;

std::string box_binding(std::string_view session_id, std::string_view user) {
  return "user_sessions/" + std::string(session_id) + "/" + std::string(user);
}

SessionFile read_session_file(const SessionPlace& place) {
  const std::string path = file_of(place);
  if (!exists(path)) throw not_logged_in("there is no session");
  require_private(place.folder, 0700, "session folder");
  auto file = parse_session_file(read_secret_file(path).reveal());
  if (!file || file->profile_id != place.profile_id) throw not_logged_in("the session file " + path + " is damaged");
  return std::move(*file);
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
  const std::string path = file_of(place);
  prepare(place);
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
  try {
    check_row(*stored, now());
  } catch (const Error& error) {
    if (error.code() == Code::session_expired) end(db, place);
    throw;
  }
  std::optional<DataKey> data_key;
  if (stored->role != Role::auditor && !stored->data_key_box.empty()) {
    data_key = DataKey{unseal(file.secret, box_binding(file.session_id, stored->user),
                              decode_column(stored->data_key_box, "data_key_box"))};
  }
  return {{stored->user, stored->role}, file.session_id, stored->expires_at, std::move(data_key)};
}

bool end(sql::Connection& db, const SessionPlace& place, const std::function<void(const std::string&)>& also) {
  const std::string path = file_of(place);
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
