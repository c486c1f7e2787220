#include <algorithm>

#include "base/crypto.hpp"
#include "base/error.hpp"
#include "base/text.hpp"
#include "session/password.hpp"
#include "session/session.hpp"

namespace ymgr::users {
namespace {

constexpr std::size_t least_characters = 12, longest_name = 64;

std::string seal_data_key(std::string_view box_public, const DataKey& key) {
  return to_base64(seal_to(decode_column(box_public, "box_public"), key.key.reveal()));
}

sql::Value or_null(const std::string& text) {
  return text.empty() ? sql::Value() : sql::Value(text);
}

std::optional<Time> time_or_none(const sql::Row& row, int column) {
  if (row.is_null(column)) return std::nullopt;
  return from_micros(row.integer(column));
}

User read_user(const sql::Row& row) {
  return {std::string(row.text(0)),    parse_role(row.text(1)), row.text(2) == "active",
          from_micros(row.integer(3)), time_or_none(row, 4),    time_or_none(row, 5)};
}

[[noreturn]] void throw_not_found(sql::Connection& db, std::string_view name) {
  std::vector<User> all = list(db);
  const std::vector<std::string_view> names = [&] {
    std::vector<std::string_view> views;
    for (const auto& user : all) views.push_back(user.name);
    return views;
  }();
  const auto near = nearest(name, names);
  throw Error(Code::user_not_found, "no user is named " + printable(name),
              near ? "did you mean " + *near + "?" : "`ymgr user list` shows the users");
}

std::string box_public_of(sql::Connection& db, std::string_view name) {
  std::string box_public;
  db.run("SELECT box_public FROM users WHERE name = $1", {name},
         [&](const sql::Row& row) { box_public = row.text(0); });
  return box_public;
}

}  // namespace

void check_user_name(std::string_view name) {
  const auto is_letter = [](char c) { return c >= 'a' && c <= 'z'; };
  const auto fits = [&](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_' || c == '@';
  };
  if (!name.empty() && name.size() <= longest_name && is_letter(name.front()) &&
      std::all_of(name.begin(), name.end(), fits)) {
    return;
  }
  throw Error(Code::user_invalid, "not a user name: " + printable(name.substr(0, 2 * longest_name)),
              "1 to 64 of a-z, 0-9, dot, dash, underscore and @, beginning with a letter");
}

void check_password(const Secret& password) {
  const auto bytes = password.reveal();
  const auto characters =
      std::count_if(bytes.begin(), bytes.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
  if (static_cast<std::size_t>(characters) >= least_characters) return;
  throw Error(Code::password_weak, "the password has fewer than 12 characters",
              "a few unrelated words make a good one");
}

PasswordRecord hash_password(std::string_view name, const Secret& password) {
  check_user_name(name);
  check_password(password);
  return make_password_record(name, password);
}

void add(sql::Connection& db, std::string_view name, Role role, const PasswordRecord& record, const DataKey& key,
         std::string_view by) {
  const std::string box = role == Role::auditor ? std::string() : seal_data_key(record.box_public, key);
  const auto added = db.run(
      "INSERT INTO users (name, role, status, password_salt, password_cost, password_verifier, box_public, "
      "box_private, "
      "data_key_box, created_at, created_by) VALUES ($1, $2, 'active', $3, $4, $5, $6, $7, $8, $9, $10) "
      "ON CONFLICT (name) DO NOTHING",
      {name, to_string(role), record.salt, record.cost, record.verifier, record.box_public, record.box_private,
       or_null(box), to_micros(now()), by});
  if (added == 0)
    throw Error(Code::user_exists, "a user named " + std::string(name) + " exists",
                "ymgr user list tells who it is; or choose another name");
}

std::vector<User> list(sql::Connection& db) {
  std::vector<User> users;
  db.run("SELECT name, role, status, created_at, last_login_at, locked_until FROM users ORDER BY name", {},
         [&](const sql::Row& row) { users.push_back(read_user(row)); });
  return users;
}

std::optional<User> find(sql::Connection& db, std::string_view name) {
  std::optional<User> found;
  db.run("SELECT name, role, status, created_at, last_login_at, locked_until FROM users WHERE name = $1", {name},
         [&](const sql::Row& row) { found = read_user(row); });
  return found;
}

User get(sql::Connection& db, std::string_view name) {
  auto found = find(db, name);
  if (!found) throw_not_found(db, name);
  return std::move(*found);
}

void keep_one_admin(sql::Connection& db, const User& user) {
  if (user.role != Role::admin || !user.enabled) return;
  std::int64_t others = 0;
  db.run("SELECT count(*) FROM users WHERE role = 'admin' AND status = 'active' AND name <> $1", {user.name},
         [&](const sql::Row& row) { others = row.integer(0); });
  if (others == 0) {
    throw Error(Code::last_admin, user.name + " is the last admin who can log in",
                "make another one first: ymgr user add NAME --role admin");
  }
}

void set_enabled(sql::Connection& db, std::string_view name, bool enabled) {
  const User user = get(db, name);
  if (!enabled) {
    keep_one_admin(db, user);
    session::end_all(db, name);
  }
  db.run("UPDATE users SET status = $2, failed_logins = 0, locked_until = NULL WHERE name = $1",
         {name, enabled ? std::string_view("active") : std::string_view("disabled")});
}

void set_role(sql::Connection& db, std::string_view name, Role role, const DataKey& key) {
  const User user = get(db, name);
  if (user.role == role) return;
  if (role != Role::admin) keep_one_admin(db, user);
  const bool had_key = user.role != Role::auditor, has_key = role != Role::auditor;
  if (had_key == has_key) {
    db.run("UPDATE users SET role = $2 WHERE name = $1", {name, to_string(role)});
    if (role == Role::admin) session::end_all(db, name);
    return;
  }
  const std::string box = has_key ? seal_data_key(box_public_of(db, name), key) : std::string();
  db.run("UPDATE users SET role = $2, data_key_box = $3 WHERE name = $1", {name, to_string(role), or_null(box)});
  session::end_all(db, name);
}

void set_password(sql::Connection& db, std::string_view name, const PasswordRecord& record, const DataKey* key) {
  const User user = get(db, name);
  if (user.role != Role::auditor && key == nullptr)
    throw Error(Code::role_denied, "the password of " + user.name + " can't be set without the data key",
                "ask an admin, or use the recovery key");
  const std::string box = user.role == Role::auditor ? std::string() : seal_data_key(record.box_public, *key);
  db.run(
      "UPDATE users SET password_salt = $2, password_cost = $3, password_verifier = $4, box_public = $5, "
      "box_private = $6, data_key_box = $7, failed_logins = 0, locked_until = NULL WHERE name = $1",
      {name, record.salt, record.cost, record.verifier, record.box_public, record.box_private, or_null(box)});
  session::end_all(db, name);
}

}  // namespace ymgr::users
