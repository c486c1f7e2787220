// The agent's side of a login.
#pragma once
#include <memory>
#include <string>

#include "agent/client.hpp"
#include "base/notice.hpp"
#include "session/session.hpp"
#include "workflow/stores.hpp"

namespace ymgr {

struct AgentPlace {
  std::string socket;      // path
  std::string key_folder;  // where the agent looks for the keys that check identity tokens
};

/// A client for this login. Nothing is connected before it is used; then it goes on under the agent session of this login, or opens
/// one and writes it down. `db`, `session`, `stores` and `notices` outlive it.
std::unique_ptr<agent::Client> open_agent(sql::Connection& db, const SessionPlace& place, const AgentPlace& agent,
                                          const Session& session, Stores& stores, Duration timeout, Notices& notices);

/// After a login: writes the keys for tokens and, where an agent listens, opens a session with it. What goes wrong is a warning;
/// nothing is said where there is no agent. Auditors have no tokens: nothing is done.
void greet_agent(sql::Connection& db, const SessionPlace& place, const AgentPlace& agent, const Session& session,
                 Stores& stores, Duration timeout, Notices& notices);

/// Ends the agent session of the last login, if there is one: the agent forgets it, the file goes. An agent that can't be asked is
/// a warning.
void forget_agent(const SessionPlace& place, const AgentPlace& agent, Duration timeout, Notices& notices);

}  // namespace ymgr
