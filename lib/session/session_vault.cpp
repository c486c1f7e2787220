#include "session/session_vault.hpp"

#include "base/crypto.hpp"
#include "base/files.hpp"
#include "base/folder_lock.hpp"
#include "session/lines.hpp"
#include "session/session_file.hpp"
#include "session/session_rows.hpp"
#include "sql/statements.hpp"

namespace ymgr {
namespace {

constexpr std::string_view heading = "ymgr-vault-session 1";
constexpr std::int64_t last_second = 253'402'300'799;  // of the year 9999

/// "BEGAN EXPIRES RENEWABLE" in seconds; 0: never.
std::string term_text(const vault::Term& term) {
  return std::to_string(to_seconds(term.began)) + " " +
         std::to_string(term.expires_at ? to_seconds(*term.expires_at) : 0) + (term.renewable ? " 1" : " 0");
}

std::optional<vault::Term> term_from(std::string_view text) {
  const auto words = split(text, ' ');
  if (words.size() != 3 || (words[2] != "0" && words[2] != "1")) return std::nullopt;
  const auto began = parse_number(words[0]), ends = parse_number(words[1]);
  if (!began || !ends || *began > last_second || *ends > last_second) return std::nullopt;
  vault::Term term{.began = from_seconds(*began), .expires_at = {}, .renewable = words[2] == "1"};
  if (*ends != 0) term.expires_at = from_seconds(*ends);
  return term;
}

std::optional<vault::Term> take_term(std::string_view& rest, std::string_view name) {
  const auto text = session::take_value(rest, name);
  return text ? term_from(*text) : std::nullopt;
}

/// Something that stands in paths and logins: no blanks, nothing that is not printable.
std::optional<std::string> take_word(std::string_view& rest, std::string_view name) {
  const auto text = session::take_value(rest, name);
  const auto is_graphic = [](char c) { return c > ' ' && c < 0x7F; };
  if (!text || text->empty() || text->size() > 512 || !std::ranges::all_of(*text, is_graphic)) return std::nullopt;
  return std::string(*text);
}

}  // namespace

VaultLogin VaultLogin::kept() const {
  VaultLogin copy;
  copy.token.secret = token.secret.clone();
  copy.token.entity_id = token.entity_id;
  copy.token.term = token.term;
  copy.database = {database.username, database.password.clone(), database.lease};
  copy.own_token = own_token;
  return copy;
}

Secret format_vault_session(const VaultSessionFile& file) {
  const auto& token = file.login.token;
  const auto& database = file.login.database;
  std::string bearer = to_base64(token.secret.reveal()), password = to_base64(database.password.reveal());
  const std::string token_term = term_text(token.term), lease_term = term_text(database.lease.term);
  Secret text = session::write_lines(heading, {{"id", file.session_id},
                                               {"profile", file.profile_id},
                                               {"entity", token.entity_id},
                                               {"token", bearer},
                                               {"token-term", token_term},
                                               {"token-is", file.login.own_token ? "own" : "lent"},
                                               {"login", database.username},
                                               {"password", password},
                                               {"lease", database.lease.id},
                                               {"lease-term", lease_term}});
  Secret::absorb(bearer);
  Secret::absorb(password);
  return text;
}

std::optional<VaultSessionFile> parse_vault_session(std::string_view text) {
  if (session::take_line(text) != heading) return std::nullopt;
  const auto id = session::take_value(text, "id"), profile = session::take_value(text, "profile");
  const auto entity = take_word(text, "entity");
  auto token = session::take_secret(text, "token");
  const auto token_term = take_term(text, "token-term");
  const auto whose = take_word(text, "token-is");
  const auto user = take_word(text, "login");
  auto password = session::take_secret(text, "password");
  const auto lease = take_word(text, "lease");
  const auto lease_term = take_term(text, "lease-term");
  if (!id || !session::is_session_id(*id) || !profile || !is_profile_id(*profile) || !entity || !token || !token_term ||
      (whose != "own" && whose != "lent") || !user || !password || !lease || !lease_term || !text.empty())
    return std::nullopt;
  VaultSessionFile file{std::string(*id), std::string(*profile), {}};
  file.login.token.secret = std::move(*token);
  file.login.token.entity_id = *entity;
  file.login.token.term = *token_term;
  file.login.own_token = whose == "own";
  file.login.database = {*user, std::move(*password), {*lease, *lease_term}};
  return file;
}

namespace session {

namespace {

/// Whoever asks holds the lock.
bool is_of(const SessionPlace& place, std::string_view session_id) {
  const auto there = find_vault_session(place);
  return there && there->session_id == session_id;
}

}  // namespace

vault::DatabaseCredentials database_login(vault::Client& client, const vault::Token& token, std::string_view mount) {
  if (token.entity_id.empty())
    throw Error(Code::login_refused,
                "this token belongs to nobody: the team's servers know people and who acts for them",
                "Log in as a person; a root token is for setting servers up");
  return vault::database_credentials(client, mount, "u-" + token.entity_id);
}

Identity identity_of_login(sql::Connection& db) {
  std::optional<Identity> found;
  bool enabled = false;
  db.run(sql::find_actor(db.dialect()), {}, [&](const sql::Row& row) {
    found = Identity{std::string(row.text(0)), parse_role(row.text(1))};
    enabled = row.text(2) == "active";
  });
  if (!found)
    throw Error(Code::not_logged_in, "the database does not know whose login this is", "Ask an admin: ymgr user add");
  if (!enabled)
    throw Error(Code::user_disabled, "user " + found->user + " is disabled", "An admin can run: ymgr user enable NAME");
  return *found;
}

Session start(sql::Connection& db, const SessionPlace& place, const VaultLogin& login, Identity who, Duration life,
              const std::function<void(Time)>& also) {
  prepare(place);
  const Time at = now();
  Time expires_at = at + life;
  if (const auto end = login.token.term.expires_at) expires_at = std::min(expires_at, *end);
  const std::string id = to_hex(random_bytes(16));
  db.transaction(sql::Access::write, [&] {
    end_expired(db, at);
    db.run(
        "INSERT INTO user_sessions (session_id, user_name, created_at, expires_at) VALUES ($1, $2, $3, $4) "
        "RETURNING expires_at",
        {id, who.user, to_micros(at), to_micros(expires_at)},
        [&](const sql::Row& row) { expires_at = from_micros(row.integer(0)); });
    if (also) also(expires_at);
  });
  const VaultSessionFile file{id, place.profile_id, login.kept()};
  try {
    write_vault_session(place, file);
  } catch (...) {
    end_row(db, id, at);
    throw;
  }
  return {std::move(who), id, expires_at, std::nullopt};
}

void write_vault_session(const SessionPlace& place, const VaultSessionFile& file) {
  const Fd lock = lock_folder(place.folder);
  write_file(file_of(place), format_vault_session(file).reveal(), {0600, {}}, Existing::replace);
}

void replace_vault_session(const SessionPlace& place, const VaultSessionFile& file) {
  if (!exists(place.folder)) return;
  const Fd lock = lock_folder(place.folder);
  if (is_of(place, file.session_id))
    write_file(file_of(place), format_vault_session(file).reveal(), {0600, {}}, Existing::replace);
}

VaultSessionFile read_vault_session(const SessionPlace& place) {
  const std::string path = file_of(place);
  if (!exists(path)) throw not_logged_in("there is no session");
  require_private(place.folder, 0700, "session folder");
  auto file = parse_vault_session(read_secret_file(path).reveal());
  if (!file || file->profile_id != place.profile_id) throw not_logged_in("the session file " + path + " is damaged");
  return std::move(*file);
}

std::optional<VaultSessionFile> find_vault_session(const SessionPlace& place) {
  try {
    return read_vault_session(place);
  } catch (const Error& error) {
    if (error.code() != Code::not_logged_in) throw;
    remove_session_file(place);
    return std::nullopt;
  }
}

Session resume(sql::Connection& db, const VaultSessionFile& file) {
  const auto stored = find_row(db, file.session_id);
  if (!stored) throw not_logged_in("the database does not know the session");
  check_row(*stored, now());
  return {{stored->user, stored->role}, file.session_id, stored->expires_at, std::nullopt};
}

void end(sql::Connection& db, const VaultSessionFile& file, const std::function<void(const std::string&)>& also) {
  db.transaction(sql::Access::write, [&] {
    const auto stored = find_row(db, file.session_id);
    end_row(db, file.session_id, now());
    if (also && stored && !stored->ended) also(stored->user);
  });
}

void remove_session_file(const SessionPlace& place) {
  remove_file(file_of(place));
}

void remove_session_file(const SessionPlace& place, std::string_view session_id) {
  if (!exists(place.folder)) return;
  const Fd lock = lock_folder(place.folder);
  if (is_of(place, session_id)) remove_file(file_of(place));
}

}  // namespace session
}  // namespace ymgr
