// What the agent answers: JSON, or problem details (RFC 9457) with the codes of base/error_codes.def.
#pragma once
#include "base/error.hpp"
#include "base/json.hpp"
#include "http/server.hpp"

namespace ymgr::agentd {

http::Response json_response(const Json& body);
/// `type` urn:ymgr:error:CODE, `title`, `status`, `detail`, `code`, `hint`, the error's own details, and `outcome` "unknown".
http::Response problem(int status, const Error&);
/// With the status that goes with the code.
http::Response problem(const Error&);
/// Of what the HTTP server refuses itself.
http::Response refusal(int status, const char* why);
int status_of(const Error&) noexcept;

}  // namespace ymgr::agentd
