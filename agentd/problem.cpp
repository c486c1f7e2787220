#include "agentd/problem.hpp"

namespace ymgr::agentd {
namespace {

/// Nobody keeps, frames, sniffs or shares an answer.
http::Response guarded(int status, const char* type, const Json& body) {
  return {status,
          type,
          dump_json(body),
          {{"Cache-Control", "no-store"},
           {"X-Content-Type-Options", "nosniff"},
           {"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
           {"X-Frame-Options", "DENY"},
           {"Cross-Origin-Resource-Policy", "same-origin"},
           {"Vary", "Origin"}}};
}

}  // namespace

int status_of(const Error& error) noexcept {
  switch (error.code()) {
    case Code::host_refused: return 421;
    case Code::token_refused:
    case Code::agent_session_unknown: return 401;
    case Code::sealed_invalid: return 400;
    case Code::agent_key_changed:
    case Code::slot_used:
    case Code::pair_mismatch: return 409;
    default: break;
  }
  switch (error.kind()) {
    case Kind::usage: return 400;
    case Kind::not_found: return 404;
    case Kind::denied:
    case Kind::policy:
    case Kind::pin: return 403;
    case Kind::device: return 409;
    case Kind::unreachable: return 503;
    case Kind::failure: break;
  }
  return 500;
}

http::Response json_response(const Json& body) {
  return guarded(200, "application/json", body);
}

http::Response problem(int status, const Error& error) {
  const CodeInfo& row = info(error.code());
  Json body = Json::object({{"type", "urn:ymgr:error:" + std::string(row.text)},
                            {"title", row.sentence},
                            {"status", status},
                            {"detail", error.what()},
                            {"code", row.text},
                            {"hint", error.suggestion()}});
  for (const auto& [name, value] : error.details()) {
    if (body.find(name) == nullptr) body.set(name, value);
  }
  if (error.outcome_unknown()) body.set("outcome", "unknown");
  auto response = guarded(status, "application/problem+json", body);
  if (status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  return response;
}

http::Response problem(const Error& error) {
  return problem(status_of(error), error);
}

http::Response refusal(int status, const char* why) {
  const Code code = status < 500 || status == 505 ? Code::request_invalid
                    : status == 503               ? Code::agent_stopping
                                                  : Code::internal;
  return problem(status, Error(code, why));
}

}  // namespace ymgr::agentd
