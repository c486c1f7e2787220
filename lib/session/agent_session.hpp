// What a login knows of its session with the agent: a file beside the session's, and the public key on the session's row.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "agent/client.hpp"
#include "session/session.hpp"

namespace ymgr {

struct AgentFile {
  std::string session_id;  // of the login that opened it; empty: unknown
  agent::AgentSession session;
};
Secret format_agent_file(const AgentFile&);
/// nullopt: not such a file.
std::optional<AgentFile> parse_agent_file(std::string_view text);

namespace session {

/// nullopt: none, or a damaged one. @throws Error file-unsafe
std::optional<AgentFile> read_agent_file(const SessionPlace&);
/// The file (0600), then the row's agent_pubkey (PEM).
void remember_agent(sql::Connection&, const SessionPlace&, const AgentFile&);
void remove_agent_file(const SessionPlace&);
/// PEM; nullopt: the login knows no agent.
std::optional<std::string> agent_key(sql::Connection&, std::string_view session_id);

}  // namespace session
}  // namespace ymgr
