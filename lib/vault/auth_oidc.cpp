#include "vault/auth_oidc.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include "base/crypto.hpp"
#include "base/interrupt.hpp"
#include "base/text.hpp"
#include "http/server.hpp"
#include "vault/login.hpp"

namespace ymgr::vault {
namespace {

using Steady = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::string_view callback_path = "/oidc/callback";
constexpr Meaning callback_meanings[] = {{400, "", Code::login_refused, "log in again; the role may not admit you"},
                                         {403, "", Code::login_refused, "check the role and the mount"}};

std::optional<std::string> percent_decode(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const char c = text.front();
    if (c != '%') {
      out += c == '+' ? ' ' : c;
      text.remove_prefix(1);
      continue;
    }
    const auto byte = text.size() < 3 ? std::nullopt : from_hex(text.substr(1, 2));
    if (!byte) return std::nullopt;
    out += *byte;
    text.remove_prefix(3);
  }
  return out;
}

http::Response page(int status, const std::string& text) {
  return {status,
          "text/html; charset=utf-8",
          "<!doctype html><title>ymgr</title><p>" + text + "</p>\n",
          {{"Cache-Control", "no-store"}, {"Connection", "close"}}};
}

/// Waits for the browser.
class Listener {
 public:
  explicit Listener(const OidcLogin& login)
      : server_({.address = login.address, .port = login.port, .timeout_seconds = 5, .identify_peers = true},
                [this](const http::Request& request) { return answer(request); }) {}
  std::string redirect_uri() const {
    return "http://localhost:" + std::to_string(server_.port()) + std::string(callback_path);
  }
  void expect(std::string state) {
    const std::lock_guard lock(mutex_);
    state_ = std::move(state);
  }
  OidcCallback wait(Duration patience) {
    const auto end = Steady::now() + patience;
    std::unique_lock lock(mutex_);
    while (!came_) {
      throw_if_interrupted();
      if (Steady::now() >= end) throw Error(Code::login_refused, "nobody logged in with the browser in time");
      arrived_.wait_for(lock, milliseconds(100));  // a signal does not wake it
    }
    return *came_;
  }

 private:
  http::Response answer(const http::Request& request) {
    if (request.method != "GET" || request.path != callback_path) return page(404, "There is nothing here.");
    const std::lock_guard lock(mutex_);
    auto callback = state_.empty() || came_ ? std::nullopt : read_oidc_callback(request.query, state_);
    if (!callback) return page(400, "This is no answer to the login that ymgr waits for.");
    came_ = std::move(callback);
    arrived_.notify_one();
    return page(200, came_->error.empty() ? "You can close this window and go back to the terminal."
                                          : "The login was refused. The terminal says more.");
  }

  std::mutex mutex_;
  std::condition_variable arrived_;
  std::string state_;
  std::optional<OidcCallback> came_;
  http::Server server_;  // goes first
};

std::string ask_for_address(Client& client, const OidcLogin& login, const std::string& redirect_uri,
                            const std::string& nonce) {
  Json body = Json::object({{"redirect_uri", redirect_uri}, {"client_nonce", nonce}});
  if (!login.role.empty()) body.set("role", login.role);
  const Call call{.method = "POST",
                  .path = (Path("auth") + login.mount) / "oidc" / "auth_url",
                  .body = body,
                  .meanings = callback_meanings,
                  .effect = http::Effect::changes,
                  .repeat = Repeat::safe,
                  .auth = Auth::none};
  auto url = client.call(call, [](const Answer& answer) { return answer.data().text_or("auth_url", ""); });
  if (url.empty()) {
    throw Error(Code::login_refused, "Vault gives no address to log in at",
                "the role must be of type oidc and have " + redirect_uri + " among its allowed_redirect_uris");
  }
  return url;
}

}  // namespace

std::optional<std::string> query_value(std::string_view query, std::string_view name) {
  std::optional<std::string> value;
  for (const auto& part : split(query, '&')) {
    const std::size_t equals = part.find('=');
    if (equals == std::string::npos || part.compare(0, equals, name) != 0) continue;
    if (value) return std::nullopt;
    value = percent_decode(std::string_view(part).substr(equals + 1));
    if (!value) return std::nullopt;
  }
  return value;
}

std::optional<OidcCallback> read_oidc_callback(std::string_view query, std::string_view state) {
  const auto given = query_value(query, "state");
  if (!given || !equal_constant_time(*given, state)) return std::nullopt;
  if (const auto error = query_value(query, "error")) {
    const std::string more = query_value(query, "error_description").value_or("");
    return OidcCallback{{}, printable(error->empty() ? "an error" : more.empty() ? *error : *error + ": " + more)};
  }
  const auto code = query_value(query, "code");
  if (!code || code->empty()) return std::nullopt;
  return OidcCallback{*code, {}};
}

Token login_oidc(Client& client, const OidcLogin& login) {
  constexpr std::size_t nonce_size = 18;
  Listener listener(login);
  const std::string nonce = to_base64url(random_bytes(nonce_size));
  const std::string url = ask_for_address(client, login, listener.redirect_uri(), nonce);
  const auto state = query_value(url.substr(std::min(url.find('?') + 1, url.size())), "state");
  if (!state || state->empty()) throw Error(Code::login_refused, "Vault's address to log in at has no state");
  listener.expect(*state);
  login.show(url);
  const OidcCallback callback = listener.wait(login.patience);
  if (!callback.error.empty()) throw Error(Code::login_refused, "the provider refuses the login: " + callback.error);
  Path path = (Path("auth") + login.mount) / "oidc" / "callback";
  path.ask("state", *state).ask("code", callback.code).ask("client_nonce", nonce);
  return log_in(client, {.path = path, .meanings = callback_meanings});
}

}  // namespace ymgr::vault
