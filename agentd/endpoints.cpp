#include "agentd/endpoints.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>

#include "agentd/cards.hpp"
#include "agentd/guard.hpp"
#include "agentd/log.hpp"
#include "agentd/piv_endpoints.hpp"
#include "agentd/problem.hpp"
#include "base/files.hpp"
#include "base/text.hpp"

namespace ymgr::agentd {
namespace {

void health(const Call& call) {
  Json json = Json::object({{"status", "ok"}, {"version", YMGR_VERSION}});
  if (call.request.transport == http::Transport::unix_socket) {
    json.set("pid", static_cast<std::int64_t>(::getpid())).set("pcscd", call.agent.cards().has_pcscd());
    json.set("tcp", call.agent.settings().tcp);
  }
  call.reply.json(json);
}

void pubkey(const Call& call) {
  call.agent.next_key().ask([reply = call.reply](const PublicKey& key) {
    reply.json(Json::object({{"public_key", pem_of(key)}, {"key_id", key_id_of(key)}}));
  });
}

/// A folder's .json files stand for it.
std::vector<std::string> key_files(const std::vector<std::string>& places) {
  std::vector<std::string> files;
  for (const std::string& place : places) {
    if (!is_folder(place)) {
      files.push_back(place);
      continue;
    }
    require_private(place, 0755, "the folder of token keys");
    for (const std::string& name : list_folder(place)) {
      if (name.ends_with(".json") && !name.starts_with('.')) files.push_back(place + "/" + name);
    }
  }
  return files;
}

/// Those that are there: `login` writes them anew, so they are read each time.
std::vector<agent::TokenIssuer> read_token_keys(const std::vector<std::string>& places) {
  std::vector<agent::TokenIssuer> issuers;
  for (const std::string& file : key_files(places)) {
    const auto text = read_file_if_there(file, 64UL * 1024);
    if (!text) continue;
    require_private(file, 0755, "the token keys");
    issuers.push_back(agent::parse_token_keys(*text));
  }
  if (issuers.empty()) {
    throw Error(Code::token_refused, "the agent has no keys to check identity tokens with",
                "Run `ymgr login`, or name their file in token_keys of the agent's configuration.");
  }
  return issuers;
}

void open_session(const Call& call) {
  allow_members(call.body, std::array{std::string_view("key_id"), std::string_view("expires_at")});
  const auto issuers = read_token_keys(call.agent.settings().token_keys);
  const auto token = agent::verify_token(bearer_of(call.request, Code::token_refused), issuers, now());
  const Json* wanted = call.body.find("expires_at");
  const Time end =
      Sessions::end_of(token, wanted ? parse_time(wanted->text()) : Time::max());  // before the key is taken
  PrivateKey taken = call.agent.next_key().take(call.body.at("key_id").text());
  const auto opened = call.agent.sessions().open(token.user, std::move(taken), end);
  const PublicKey& key = opened.session->key.public_key();
  log::info("session of " + token.user + " from " + token.issuer + " until " + format_time(opened.session->expires_at));
  call.reply.json(Json::object({{"session", opened.secret},
                                {"expires_at", format_time(opened.session->expires_at)},
                                {"public_key", pem_of(key)}}));
}

void close_session(const Call& call) {
  call.agent.sessions().close(call.session);
  log::info("session of " + call.session->user + " ended");
  call.reply.json(Json::object({{"success", true}}));
}

void nonce(const Call& call) {
  allow_members(call.body, {});
  call.reply.json(Json::object({{"nonce", call.agent.sessions().new_nonce(*call.session)}}));
}

// clang-format off
constexpr Endpoint table[] = {
    {"GET", "/.well-known/yubimgr-agent", Needs::nothing, Over::both, Query::none, health},
    {"GET", "/.well-known/kleidia-agent", Needs::nothing, Over::both, Query::none, health},
    {"GET", "/health", Needs::nothing, Over::both, Query::none, health},
    {"GET", "/pubkey", Needs::nothing, Over::both, Query::none, pubkey},
    {"POST", "/session", Needs::identity_token, Over::both, Query::none, open_session},
    {"DELETE", "/session", Needs::session, Over::both, Query::none, close_session},
    {"POST", "/nonce", Needs::session, Over::both, Query::none, nonce},
    {"GET", "/discover", Needs::session, Over::both, Query::none, discover},
    {"GET", "/touch", Needs::session, Over::both, Query::none, touch},
    {"GET", "/piv/info", Needs::session, Over::both, Query::serial, piv_info},
    {"GET", "/piv/check-defaults", Needs::session, Over::both, Query::serial, check_defaults},
    {"GET", "/piv/slots", Needs::session, Over::both, Query::serial_and_slot, slots},
    {"POST", "/piv/verify", Needs::session, Over::both, Query::none, verify},
    {"POST", "/piv/set-pin", Needs::session, Over::both, Query::none, set_pin},
    {"POST", "/piv/set-puk", Needs::session, Over::unix_socket_only, Query::none, set_puk},
    {"POST", "/piv/unblock-pin", Needs::session, Over::both, Query::none, unblock_pin},
    {"POST", "/piv/set-retries", Needs::session, Over::unix_socket_only, Query::none, set_retries},
    {"POST", "/piv/rotate-management-key", Needs::session, Over::unix_socket_only, Query::none, rotate_management_key},
    {"POST", "/piv/generate-csr", Needs::session, Over::both, Query::none, generate_csr},
    {"POST", "/piv/import-certificate", Needs::session, Over::both, Query::none, import_certificate},
    {"POST", "/piv/attest", Needs::session, Over::both, Query::none, attest},
    {"POST", "/piv/delete-certificate", Needs::session, Over::both, Query::none, delete_certificate},
    {"POST", "/piv/reset", Needs::session, Over::unix_socket_only, Query::none, reset},
};
// clang-format on

/// The methods of a path: "GET, POST"; empty: there is no such path.
std::string methods_of(const std::string& path) {
  std::vector<std::string> methods;
  for (const Endpoint& endpoint : table) {
    if (endpoint.path == path) methods.emplace_back(endpoint.method);
  }
  return join(methods, ", ");
}

http::Response no_endpoint(const http::Request& request) {
  const std::string methods = methods_of(request.path);
  if (methods.empty()) return problem(Error(Code::endpoint_unknown, "there is no such endpoint"));
  auto response = problem(405, Error(Code::request_invalid, "the endpoint has other methods: " + methods));
  response.headers.emplace_back("Allow", methods);
  return response;
}

const Endpoint* find_endpoint(const http::Request& request) {
  const auto* const at = std::find_if(std::begin(table), std::end(table), [&](const Endpoint& endpoint) {
    return endpoint.path == request.path && endpoint.method == request.method;
  });
  return at == std::end(table) ? nullptr : at;
}

Json object_of(const http::Request& request) {
  if (request.method != "POST") return {};
  Json body = parse_json(request.body, {.bytes = 64UL * 1024, .depth = 8});
  if (!body.is_object()) throw Error(Code::request_invalid, "the body must be a JSON object");
  return body;
}

void run(const Endpoint& endpoint, Agent& agent, const http::Request& request, const Reply& reply) {
  if (endpoint.over == Over::unix_socket_only && request.transport != http::Transport::unix_socket) {
    throw Error(Code::endpoint_unknown, "this endpoint is served over the Unix socket only");
  }
  if (endpoint.query == Query::none && !request.query.empty()) {
    throw Error(Code::request_invalid, "the endpoint takes no query");
  }
  Call call{agent, request, {}, nullptr, reply};
  if (endpoint.needs == Needs::session) {
    call.session = agent.sessions().find(bearer_of(request, Code::agent_session_unknown));
  }
  call.body = object_of(request);
  endpoint.run(call);
}

}  // namespace

std::span<const Endpoint> endpoints() noexcept {
  return table;
}

Reply::Reply(http::Answer answer, const http::Request& request) : answer_(std::move(answer)), request_(&request) {}

void Reply::response(http::Response response) const {
  allow_origin(*request_, response);
  answer_(std::move(response));
}
void Reply::json(const Json& body) const {
  response(json_response(body));
}
void Reply::error(const Error& error) const {
  response(problem(error));
}

std::string_view bearer_of(const http::Request& request, Code missing) {
  constexpr std::string_view scheme = "Bearer ";
  const std::string* text = request.header("authorization");
  if (text == nullptr || !text->starts_with(scheme)) throw Error(missing, "the request has no bearer token");
  return std::string_view(*text).substr(scheme.size());
}

void allow_members(const Json& body, std::span<const std::string_view> names) {
  for (const auto& [name, value] : body.members()) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    throw Error(Code::request_invalid, "unknown member " + printable(name));
  }
}

Agent::Agent(AgentSettings settings, std::function<void()> changed)
    : settings_(std::move(settings)), sessions_(std::move(changed)), cards_(std::make_unique<Cards>()) {}
Agent::~Agent() = default;

Cards& Agent::cards() noexcept {
  return *cards_;
}

void Agent::handle(const http::Request& request, http::Answer answer) {
  if (auto refused = guard(request, settings_)) {
    log::debug("refused with status " + std::to_string(refused->status));
    if (refused->status == 204) allow_origin(request, *refused);
    return answer(std::move(*refused));
  }
  const Reply reply(std::move(answer), request);
  try {
    const Endpoint* endpoint = find_endpoint(request);
    if (endpoint == nullptr) return reply.response(no_endpoint(request));
    if (auto refused = guard_body(request)) return reply.response(std::move(*refused));
    run(*endpoint, *this, request, reply);
  } catch (const Error& error) {
    log::debug(std::string("refused: ") + std::string(info(error.code()).text));
    reply.error(error);
  }
}

}  // namespace ymgr::agentd
