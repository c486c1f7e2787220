// The table of what can be asked. A new endpoint is one row of endpoints.cpp and one line of openapi.yaml.
#pragma once
#include <memory>
#include <span>
#include <string_view>

#include "agentd/agent.hpp"
#include "base/error.hpp"
#include "base/json.hpp"

namespace ymgr::agentd {

enum class Needs { nothing, identity_token, session };
enum class Over { both, unix_socket_only };
enum class Query { none, serial, serial_and_slot };

/// One answer, from any thread. Copies share it.
class Reply {
 public:
  Reply(http::Answer answer, const http::Request& request);
  void json(const Json&) const;
  void error(const Error&) const;
  void response(http::Response) const;

 private:
  http::Answer answer_;
  const http::Request* request_;  // lives until it is answered
};

/// One request that passed the guards.
struct Call {
  Agent& agent;
  const http::Request& request;
  Json body;                         // of a POST: an object; else null
  std::shared_ptr<Session> session;  // with Needs::session
  Reply reply;
};

struct Endpoint {
  std::string_view method, path;
  Needs needs;
  Over over;
  Query query;
  /// Answers now, or hands a copy of the call to whom it may answer later. Must not block. What it throws (Error) is answered.
  void (*run)(const Call&);
};
std::span<const Endpoint> endpoints() noexcept;

/// The bearer of the request. @throws Error `missing`
std::string_view bearer_of(const http::Request&, Code missing);
/// @throws Error request-invalid: members that are not listed
void allow_members(const Json& body, std::span<const std::string_view> names);

}  // namespace ymgr::agentd
