#include "vault/client.hpp"

#include <string.h>

#include <algorithm>
#include <chrono>
#include <optional>

#include "base/text.hpp"

namespace ymgr::vault {
namespace {

using http::Effect;
using Steady = std::chrono::steady_clock;

constexpr JsonLimits answer_limits{.bytes = 16UL * 1024 * 1024, .depth = 32};
constexpr Duration node_connect_timeout = std::chrono::seconds(5);  // where there are others to ask

Duration since(Steady::time_point begin) {
  return std::chrono::duration_cast<Duration>(Steady::now() - begin);
}

http::ClientSettings http_settings(const ClientSettings& settings, const std::string& address) {
  return {.base_url = address,
          .peer_name = "Vault at " + address,
          .timeout = settings.timeout,
          .connect_timeout = settings.addresses.size() > 1 ? node_connect_timeout : Duration{},
          .max_body = answer_limits.bytes,
          .ca_file = settings.ca_file,
          .identity = settings.identity,
          .unreachable = Code::vault_unreachable,
          .untrusted = Code::vault_untrusted};
}

std::string_view needed_for(const Call& call) noexcept {
  return call.capability.empty() ? capability_of(call.method) : call.capability;
}

std::vector<std::string> printable_warnings(const Json& document) {
  std::vector<std::string> warnings;
  for (const auto& one : document.texts_or_empty("warnings")) warnings.push_back(printable(one));
  return warnings;
}

void hide(std::string& text, const Secret& secret) {
  constexpr std::size_t shortest = 4;
  constexpr std::string_view instead = "***";
  if (secret.size() < shortest) return;
  for (auto at = text.find(secret.reveal()); at != std::string::npos;
       at = text.find(secret.reveal(), at + instead.size())) {
    text.replace(at, secret.size(), instead);
  }
}

bool is_unreachable(const Error& error) noexcept {
  return error.code() == Code::vault_unreachable || error.code() == Code::vault_untrusted;
}

}  // namespace

const Json& Answer::at(std::string_view member) const {
  static const Json none;
  const Json* found = document.find(member);
  return found == nullptr ? none : *found;
}

struct Client::State {
  ClientSettings settings;
  Secret token{};
  Send instead{};
  std::string operation{}, index{};
  std::size_t node = 0;  // that is asked first
  bool node_is_active = false;
  std::vector<std::optional<http::Client>> nodes{};

  State(ClientSettings from, Send send_instead)
      : settings(std::move(from)), instead(std::move(send_instead)), nodes(settings.addresses.size()) {}

  http::ClientAnswer send(std::size_t number, const http::ClientRequest& request) {
    if (instead) return instead(number, request);
    auto& client = nodes.at(number);
    if (!client) client.emplace(http_settings(settings, settings.addresses.at(number)));
    return client->send(request);
  }

  http::Headers headers(const Call& call) const {
    http::Headers headers = {{"X-Vault-Request", "true"}};
    if (!settings.name_space.empty()) headers.emplace_back("X-Vault-Namespace", settings.name_space);
    if (!operation.empty()) headers.emplace_back("X-Ymgr-Op", operation);
    if (!index.empty()) {
      headers.emplace_back("X-Vault-Index", index);
      headers.emplace_back("X-Vault-Inconsistent", "forward-active-node");
    }
    if (call.wrap > Duration{}) {
      const auto time = std::chrono::duration_cast<std::chrono::seconds>(call.wrap).count();
      headers.emplace_back("X-Vault-Wrap-TTL", std::to_string(time) + "s");
    }
    return headers;
  }

  const Secret* token_of(const Call& call) const {
    if (call.other_token != nullptr) return call.other_token;
    return call.auth == Auth::none || token.empty() ? nullptr : &token;
  }

  /// One request to one node. @throws Error of the HTTP client
  http::ClientAnswer send(std::size_t number, const Call& call, const Secret& body, Duration timeout) {
    http::ClientRequest request{.method = call.method, .path = call.path.url(), .content_type = call.content_type};
    if (!body.empty()) request.secret_body = &body;
    if (!body.empty() && request.content_type.empty()) request.content_type = "application/json";
    request.headers = headers(call);
    request.bearer = token_of(call);
    request.bearer_prefix = "X-Vault-Token: ";
    request.effect = call.effect;
    request.timeout = timeout;
    return send(number, request);
  }

  /// Finds the active node. @return why there is none
  std::optional<Failure> find_active(Duration timeout) {
    std::optional<Failure> why;
    for (std::size_t i = 0; i < settings.addresses.size(); ++i) {
      const std::size_t number = (node + i) % settings.addresses.size();
      Failure said = ask_health(number, std::min(timeout, node_connect_timeout));
      if (said.trouble == Trouble::refused) {  // no trouble at all
        node = number;
        node_is_active = true;
        return std::nullopt;
      }
      if (!why || why->trouble == Trouble::unreachable) why = std::move(said);
    }
    return why;
  }

  Failure ask_health(std::size_t number, Duration timeout) {
    try {
      const int status = send(number, {.path = "/v1/sys/health", .timeout = timeout}).status;
      const std::string at = "Vault at " + settings.addresses.at(number);
      if (status == 200) return {Trouble::refused, Code::internal, {}, {}, {}, false};
      if (status == 501) return {Trouble::busy, Code::vault_uninitialised, at + " is not initialised", {}, {}, false};
      if (status == 503) return {Trouble::busy, Code::vault_sealed, at + " is sealed", {}, {}, false};
      return {Trouble::busy, Code::vault_standby, "no node of Vault is active", {}, {}, false};
    } catch (const Error& error) {
      if (!is_unreachable(error)) throw;
      return {Trouble::unreachable, error.code(), error.what(), {}, {}, false};
    }
  }

  struct Attempt {
    std::optional<http::ClientAnswer> answer{};
    std::optional<Failure> failure{};
    bool of_all = false;  // it sums up what all addresses say
  };

  Attempt attempt(std::size_t number, const Call& call, const Secret& body, Duration timeout) {
    Attempt made;
    try {
      made.answer = send(number, call, body, timeout);
    } catch (const Error& error) {
      if (!is_unreachable(error)) throw;
      const Trouble trouble = error.outcome_unknown() ? Trouble::lost : Trouble::unreachable;
      made.failure = Failure{trouble, error.code(), error.what(), {}, {}, false};
      return made;
    }
    const int status = made.answer->status;
    if (status >= 300 && !(status == 404 && call.missing == Missing::answers && is_plain_404(*made.answer))) {
      made.failure = judge(*made.answer, call.meanings);
    }
    return made;
  }

  static bool is_plain_404(const http::ClientAnswer& answer) { return judge(answer, {}).code == Code::vault_not_found; }

  /// Follows one redirect. A second one means that the cluster has no leader.
  Attempt follow(Attempt made, const Call& call, const Secret& body, Duration timeout) {
    if (!made.failure || made.failure->trouble != Trouble::redirected) return made;
    const std::string* header = made.answer->header("location");
    const std::string location = header == nullptr ? "another node" : *header;
    const auto target = redirect_target(location, call.path.url(), settings.addresses);
    if (!target) {
      made.failure->hint = "name " + printable(location.substr(0, location.find("/v1/"))) +
                           " in the addresses of the configuration, if it is one of yours";
      made.failure->trouble = Trouble::no_leader;
      return made;
    }
    made = attempt(*target, call, body, timeout);
    if (!made.failure) {
      node = *target;
      node_is_active = true;
    } else if (made.failure->trouble == Trouble::redirected || made.failure->trouble == Trouble::unreachable) {
      made.failure->trouble = Trouble::no_leader;  // it leads to the leader that was
      made.failure->code = Code::vault_standby;
    }
    return made;
  }

  static bool is_safe_twice(const Call& call) { return call.effect == Effect::reads || call.repeat == Repeat::safe; }

  bool may_repeat(const Call& call, const Failure& failure) const {
    switch (failure.trouble) {
      case Trouble::unreachable:
      case Trouble::busy: return true;
      case Trouble::no_leader:  // of several addresses it was the active node that was asked, so nobody passed it on
        return is_safe_twice(call) || settings.addresses.size() > 1;
      case Trouble::lost: return is_safe_twice(call);
      default: return false;
    }
  }

  /// A node that neither answers nor breaks off takes its share of the time only, where others can be asked.
  Duration time_for(const Call& call, Duration left) const {
    const bool shared = settings.addresses.size() > 1 && is_safe_twice(call);
    return std::max<Duration>(shared ? left / 2 : left, std::chrono::milliseconds(1));
  }

  /// A standby passes changes on, and what it then says of a leader that dies over one is what it says of none. So of several
  /// addresses only an active node gets them.
  bool needs_active(const Call& call) const { return settings.addresses.size() > 1 && !is_safe_twice(call); }

  Attempt try_once(const Call& call, const Secret& body, const Retries& retries) {
    const Duration time = time_for(call, retries.left());
    if (settings.addresses.size() > 1 && !node_is_active && (needs_active(call) || retries.at_round_start())) {
      const auto nobody = find_active(time);
      if (nobody && needs_active(call)) return {{}, nobody, true};
    }
    return follow(attempt(node, call, body, time), call, body, time);
  }

  std::optional<Duration> next_try(const Call& call, const Attempt& made, Duration spent, Retries& retries) const {
    Failure failure = *made.failure;
    if (!may_repeat(call, failure)) return std::nullopt;
    if (!needs_active(call)) return retries.next(failure, spent);
    if (!made.of_all) failure.trouble = Trouble::busy;  // another may be active by now
    return retries.next_round(failure, spent);
  }

  http::ClientAnswer ask(const Call& call, const Secret& body) {
    Retries retries(settings.addresses.size(), settings.timeout);
    while (true) {
      const auto begin = Steady::now();
      Attempt made = try_once(call, body, retries);
      if (!made.failure) return std::move(*made.answer);
      const auto wait = next_try(call, made, since(begin), retries);
      if (!wait) fail(call, made, retries.count());
      if (*wait > Duration{}) pause(*wait);
      node = (node + 1) % settings.addresses.size();
      node_is_active = false;
    }
  }

  [[noreturn]] void fail(const Call& call, Attempt& made, int retries) {
    Failure& failure = *made.failure;
    if (failure.plain_denial && call.auth == Auth::token && is_token_dead(call)) {
      failure.code = Code::vault_token_dead;
      failure.why =
          token_of(call) == nullptr ? "there is no Vault token" : "the Vault token has expired or was revoked";
    }
    if (failure.code == Code::vault_sealed && !is_initialised()) failure.code = Code::vault_uninitialised;
    Details details = {{"vault_path", call.path.text()}};
    if (!settings.name_space.empty()) details.emplace_back("namespace", settings.name_space);
    if (made.answer) details.emplace_back("http_status", std::to_string(made.answer->status));
    if (retries > 1) details.emplace_back("retries", std::to_string(retries - 1));
    const bool hidden = failure.trouble == Trouble::no_leader && settings.addresses.size() == 1;
    const bool unknown = call.effect == Effect::changes &&
                         (failure.trouble == Trouble::lost || failure.trouble == Trouble::failed || hidden);
    std::string message = message_of(call, made), hint = failure.hint;
    if (failure.code == Code::vault_denied && hint.empty()) {
      const std::string capability(needed_for(call)), line = policy_line(call.path.text(), capability);
      details.emplace_back("capability", capability);
      details.emplace_back("policy", line);
      hint = "the policy needs: " + line;
    }
    hide_secrets(call, message, hint);
    throw Error(failure.code, message, hint, details, unknown ? Outcome::unknown : Outcome::known);
  }

  std::string message_of(const Call& call, const Attempt& made) const {
    const std::string path = printable(call.path.text()), what = call.method + " " + path;
    const Failure& failure = *made.failure;
    if (!made.answer) return failure.why + " (" + what + ")";
    switch (failure.code) {
      case Code::vault_denied: return "Vault denies " + std::string(needed_for(call)) + " on " + path;
      case Code::vault_token_dead: return failure.why;
      case Code::vault_sealed: return "Vault at " + settings.addresses.at(node) + " is sealed";
      case Code::vault_uninitialised: return "Vault at " + settings.addresses.at(node) + " is not initialised";
      case Code::vault_not_found: return "Vault has nothing at " + path;
      default:
        return (failure.trouble == Trouble::refused ? "Vault refuses " + what
                                                    : "Vault at " + settings.addresses.at(node) + " can't do " + what) +
               ": " + failure.why;
    }
  }

  void hide_secrets(const Call& call, std::string& message, std::string& hint) const {
    for (std::string* text : {&message, &hint}) {
      hide(*text, token);
      if (call.other_token != nullptr) hide(*text, *call.other_token);
      for (const auto& secret : call.secrets) hide(*text, *secret.value);
    }
  }

  /// Without a question that would need an answer of its own: any doubt is a no.
  std::optional<http::ClientAnswer> quiet(const Call& call) {
    try {
      return send(node, call, {}, node_connect_timeout);
    } catch (const Error&) {
      return std::nullopt;
    }
  }
  bool is_token_dead(const Call& denied) {
    if (token_of(denied) == nullptr || denied.path.text() == "auth/token/lookup-self") return true;
    Call call{.path = Path("auth/token/lookup-self")};
    call.other_token = denied.other_token;
    const auto answer = quiet(call);
    return answer && answer->status == 403 && judge(*answer, {}).plain_denial;
  }
  bool is_initialised() {
    try {
      // Without a namespace: none has this path.
      const auto answer = send(node, {.path = "/v1/sys/seal-status", .timeout = node_connect_timeout});
      return answer.status != 200 || parse_json(answer.body, answer_limits).boolean_or("initialized", true);
    } catch (const Error&) {
      return true;
    }
  }

  Answer read(const Call& call, http::ClientAnswer& answer) {
    Answer out{.status = answer.status, .document = {}, .secrets = {}, .bytes = {}, .warnings = {}};
    if (const std::string* seen = answer.header("x-vault-index"); seen != nullptr) index = *seen;
    if (call.form == Form::bytes) {
      out.bytes = std::move(answer.body);
      return out;
    }
    try {
      for (const auto path : call.cut)
        out.secrets.push_back(answer.body.empty() ? Secret() : cut_secret(answer.body, path));
      if (!answer.body.empty()) out.document = parse_json(answer.body, answer_limits);
      out.warnings = printable_warnings(out.document);
    } catch (const Error& error) {
      throw senseless(call, error.what());
    }
    explicit_bzero(answer.body.data(), answer.body.size());
    return out;
  }
};

Client::Client(ClientSettings settings, Send instead) {
  if (settings.addresses.empty()) throw Error(Code::usage, "no address of Vault is named");
  for (auto& address : settings.addresses) address = normal_address(address);
  if (!settings.name_space.empty()) settings.name_space = Path(settings.name_space).text();
  state_ = std::make_unique<State>(std::move(settings), std::move(instead));
}
Client::Client(Client&&) noexcept = default;
Client::~Client() = default;

Client Client::for_another_thread() const {
  Client other(state_->settings, state_->instead);
  other.state_->token = state_->token.clone();
  other.state_->operation = state_->operation;
  other.state_->index = state_->index;
  other.state_->node = state_->node;
  other.state_->node_is_active = state_->node_is_active;
  return other;
}

const ClientSettings& Client::settings() const noexcept {
  return state_->settings;
}
void Client::use_token(const Secret& token) {
  state_->token = Secret(trim(token.reveal()));
}
const Secret& Client::token() const noexcept {
  return state_->token;
}
void Client::name_operation(std::string operation) {
  state_->operation = std::move(operation);
}
const std::string& Client::state() const noexcept {
  return state_->index;
}
void Client::require_state(std::string state) {
  state_->index = std::move(state);
}

Answer Client::call(const Call& call) {
  Secret body(call.bytes);
  if (!call.body.is_null() || !call.secrets.empty()) body = body_with(call.body, call.secrets);
  http::ClientAnswer answer = state_->ask(call, body);
  return state_->read(call, answer);
}

std::optional<Answer> Client::peek(const Call& call) noexcept {
  try {
    auto answer = state_->send(state_->node, call, {}, node_connect_timeout);
    const bool missing = call.missing == Missing::answers && answer.status == 404 && State::is_plain_404(answer);
    if (answer.status >= 300 && !missing) return std::nullopt;
    return state_->read(call, answer);
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

Error Client::senseless(const Call& call, std::string_view why) {
  return {Code::vault_failed,
          "Vault's answer to " + call.method + " " + printable(call.path.text()) + " makes no sense: " + printable(why),
          "check that the address is Vault's own, and what stands in between",
          {{"vault_path", call.path.text()}},
          call.effect == Effect::changes ? Outcome::unknown : Outcome::known};
}

Health Client::health() {
  for (std::size_t number = 0;; ++number) {
    try {
      const auto answer = state_->send(number, {.path = "/v1/sys/health"});
      const Json document = parse_json(answer.body, answer_limits);
      return {document.boolean_or("initialized", false), document.boolean_or("sealed", true),
              document.boolean_or("standby", true), printable(document.text_or("version", "")),
              printable(document.text_or("cluster_name", ""))};
    } catch (const Error& error) {
      if (error.kind() == Kind::usage) throw senseless({.path = Path("sys/health")}, error.what());
      if (!is_unreachable(error) || number + 1 == state_->nodes.size()) throw;
    }
  }
}

void list_pages(Client& client, const Path& path, std::size_t page, const std::function<bool(const Json& data)>& more,
                Names kind) {
  std::string last;
  for (bool goes_on = true; goes_on;) {
    Path asked = path;
    asked.ask("limit", std::to_string(page));
    std::string after = last;
    if (kind == Names::serials) std::ranges::replace(after, ':', '-');
    if (!after.empty()) asked.ask("after", after);
    goes_on = client.call({.method = "LIST", .path = asked, .missing = Missing::answers}, [&](const Answer& answer) {
      const auto names = answer.data().texts_or_empty("keys");
      // A server without paging gives all names again.
      const bool again = !last.empty() && std::find(names.begin(), names.end(), last) != names.end();
      if (answer.status == 404 || names.empty() || again) return false;
      last = names.back();
      return more(answer.data()) && names.size() == page;
    });
  }
}

std::vector<std::string> list(Client& client, const Path& path, std::size_t page) {
  std::vector<std::string> names;
  list_pages(client, path, page, [&](const Json& data) {
    for (auto& name : data.texts_or_empty("keys")) names.push_back(std::move(name));
    return true;
  });
  return names;
}

}  // namespace ymgr::vault
