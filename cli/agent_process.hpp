// ymgr-agentd as a process: how it is started here.
#pragma once
#include <string>

#include "base/clock.hpp"

namespace ymgr::cli {

/// "user": a user manager of systemd runs that has the agent's socket unit, so that it starts the agent; "none".
enum class AgentUnit { none, user };
/// @param socket  the unit's is $XDG_RUNTIME_DIR/ymgr/agent.sock; another is not its
AgentUnit find_agent_unit(const std::string& socket);
/// systemctl --user start. @throws Error agent-unreachable: it refused, with what it said
void start_agent_unit();

/// Starts ymgr-agentd, the one beside this program or else in PATH, as a process of its own that outlives this one.
/// @return its process id  @throws Error agent-unreachable: there is none
long start_agent_process(const std::string& socket);
/// False: it has ended.
bool is_running(long pid);

}  // namespace ymgr::cli
