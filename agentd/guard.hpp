// What the agent refuses before it looks at what is asked.
#pragma once
#include <optional>

#include "agentd/agent.hpp"

namespace ymgr::agentd {

/// A refusal; or the answer to the preflight of a known web page; nullopt: go on.
std::optional<http::Response> guard(const http::Request&, const AgentSettings&);
/// A known web page may read the answer.
void allow_origin(const http::Request&, http::Response&);
/// What a POST must be like, and what a GET or DELETE must not have.
std::optional<http::Response> guard_body(const http::Request&);

}  // namespace ymgr::agentd
