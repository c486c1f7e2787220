#include "session/agent_session.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "session/session_file.hpp"
#include "x509/certificate.hpp"

namespace ymgr {
namespace {

constexpr std::string_view heading = "ymgr-agent-session 1";

bool is_bearer(std::string_view text) {
  return !text.empty() && text.size() <= 256 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7F; });
}

std::string path_of(const SessionPlace& place) {
  if (!is_profile_id(place.profile_id)) throw Error(Code::internal, "a profile id that can't name a file");
  return place.folder + "/" + place.profile_id + ".agent";
}

}  // namespace

Secret format_agent_file(const AgentFile& file) {
  std::string text = std::string(heading) + "\n" + file.session_id + "\n" +
                     std::to_string(to_seconds(file.session.expires_at)) + "\n" +
                     to_base64(file.session.public_key.bytes) + "\n";
  const auto bearer = file.session.secret.reveal();
  Secret whole(text.size() + bearer.size() + 1);
  auto to = std::copy(text.begin(), text.end(), whole.fill().begin());
  *std::copy(bearer.begin(), bearer.end(), to) = '\n';
  return whole;
}

std::optional<AgentFile> parse_agent_file(std::string_view text) {
  auto lines = split(text, '\n');
  if (lines.size() == 6 && lines.back().empty()) lines.pop_back();  // read_secret_file drops the last newline
  if (lines.size() != 5 || lines[0] != heading) return std::nullopt;
  Secret secret = Secret::absorb(lines[4]);
  const auto expires_at = parse_number(lines[2]);
  auto key = from_base64(lines[3]);
  if (!is_bearer(secret.reveal()) || !expires_at || *expires_at > 253'402'300'799 || !key) return std::nullopt;
  return AgentFile{lines[1], {std::move(secret), Der{std::move(*key)}, from_seconds(*expires_at)}};
}

namespace session {

std::optional<AgentFile> read_agent_file(const SessionPlace& place) {
  const std::string path = path_of(place);
  if (!exists(path)) return std::nullopt;
  return parse_agent_file(read_secret_file(path).reveal());
}

void remember_agent(sql::Connection& db, const SessionPlace& place, const AgentFile& file) {
  write_file(path_of(place), format_agent_file(file).reveal(), {0600, {}}, Existing::replace);
  db.run("UPDATE user_sessions SET agent_pubkey = $2 WHERE session_id = $1 AND ended_at IS NULL",
         {file.session_id, to_pem(file.session.public_key, "PUBLIC KEY")});
}

void remove_agent_file(const SessionPlace& place) {
  remove_file(path_of(place));
}

std::optional<std::string> agent_key(sql::Connection& db, std::string_view session_id) {
  std::optional<std::string> key;
  db.run("SELECT agent_pubkey FROM user_sessions WHERE session_id = $1", {session_id}, [&](const sql::Row& row) {
    if (!row.is_null(0)) key = row.text(0);
  });
  return key;
}

}  // namespace session
}  // namespace ymgr
