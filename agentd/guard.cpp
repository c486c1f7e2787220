#include "agentd/guard.hpp"

#include <unistd.h>

#include <algorithm>

#include "agentd/problem.hpp"
#include "base/text.hpp"

namespace ymgr::agentd {
namespace {

bool holds(const std::vector<std::string>& list, const std::string& text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

bool is_own_user(const http::Request& request) {
  return request.peer && (*request.peer == 0 || *request.peer == ::geteuid());
}

/// A name that an attacker's DNS resolves to 127.0.0.1 is no name of ours.
bool is_own_host(const http::Request& request, const AgentSettings& settings) {
  const std::string* host = request.header("host");
  if (host == nullptr) return false;
  return request.transport == http::Transport::unix_socket ? *host == "localhost" : holds(settings.hosts, *host);
}

/// Browsers say so where a page asks for something.
bool comes_from_page(const http::Request& request) {
  const std::string* site = request.header("sec-fetch-site");
  return request.header("origin") != nullptr || request.header("referer") != nullptr ||
         (site != nullptr && *site != "none");
}

bool is_known_page(const http::Request& request, const AgentSettings& settings) {
  const auto origins = std::count_if(request.headers.begin(), request.headers.end(),
                                     [](const auto& header) { return header.first == "origin"; });
  return origins == 1 && holds(settings.origins, *request.header("origin"));
}

http::Response preflight() {
  http::Response response{204, "", "", {}};
  response.headers = {{"Access-Control-Allow-Methods", "GET, POST, DELETE"},
                      {"Access-Control-Allow-Headers", "authorization, content-type"},
                      {"Cache-Control", "no-store"},
                      {"Vary", "Origin"}};
  return response;
}

bool is_json(const std::string* type) {
  if (type == nullptr) return false;
  const std::string text = lower(*type);
  return text == "application/json" || text == "application/json; charset=utf-8" ||
         text == "application/json;charset=utf-8";
}

http::Response invalid(int status, const char* why) {
  return problem(status, Error(Code::request_invalid, why));
}

}  // namespace

std::optional<http::Response> guard(const http::Request& request, const AgentSettings& settings) {
  if (!is_own_user(request)) return problem(Error(Code::peer_refused, "the request comes from another user"));
  if (!is_own_host(request, settings)) return problem(Error(Code::host_refused, "the Host header names another host"));
  if (!comes_from_page(request)) return std::nullopt;
  if (!is_known_page(request, settings)) return problem(Error(Code::origin_refused, "a web page asks"));
  if (request.method == "OPTIONS" && request.header("access-control-request-method") != nullptr) return preflight();
  return std::nullopt;
}

void allow_origin(const http::Request& request, http::Response& response) {
  if (const std::string* origin = request.header("origin")) {
    response.headers.emplace_back("Access-Control-Allow-Origin", *origin);
  }
}

std::optional<http::Response> guard_body(const http::Request& request) {
  if (request.header("transfer-encoding") != nullptr) return invalid(411, "the body must have a Content-Length");
  if (request.method == "POST" && !is_json(request.header("content-type"))) {
    return invalid(415, "the body must be application/json");
  }
  if (request.method != "POST" && !request.body.empty()) return invalid(400, "the request must have no body");
  return std::nullopt;
}

}  // namespace ymgr::agentd
