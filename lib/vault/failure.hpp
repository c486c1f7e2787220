// What Vault's refusals mean. One status stands for several things, which only the text tells apart.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "http/client.hpp"

namespace ymgr::vault {

/// What can be done about it.
enum class Trouble {
  refused,      // nothing: asked again it would be the same
  failed,       // an error of the server's; a change may have happened
  unreachable,  // not connected: another address, or later
  busy,         // nothing was done: another node, or later
  lost,         // no answer, or one that says as much: a change may have happened
  no_leader,    // nothing was done, unless the node had passed it on to a leader that died over it
  redirected,   // the same, and Location names the leader
};

/// What a refusal means on one path, beyond what it means everywhere. `text` is part of Vault's words; empty: any.
struct Meaning {
  int status;
  std::string_view text;
  Code code;
  std::string_view hint = {};
};

struct Failure {
  Trouble trouble;
  Code code;
  std::string why;  // Vault's words, or what they come to; safe to print
  std::string hint;
  std::optional<Duration> wait;  // Retry-After
  bool plain_denial = false;     // 403 that a dead token gets too
};

/// Of an answer with status 300 or above. The general table follows `meanings`.
Failure judge(const http::ClientAnswer& answer, std::span<const Meaning> meanings);
/// {"errors":["…"]}, each made printable and at most 500 bytes long; nullopt: the body is nothing of Vault's.
std::optional<std::vector<std::string>> error_texts(std::string_view body);

/// "read", "list", "update", "delete", "patch": what a policy calls it.
std::string_view capability_of(std::string_view method) noexcept;
/// The line of policy that would grant it: path "pki/sign/web" { capabilities = ["update"] }
std::string policy_line(std::string_view path, std::string_view capability);

/// Scheme, host and port; lower case, without a slash at the end, the port always there: "https://vault.example.com:8200".
/// @throws Error usage: no https, no host, or a path
std::string normal_address(std::string_view text);
/// Which of `addresses` (in their normal form) a Location leads to for a request of `url` ("/v1/…"); nullopt: to none of them, or to
/// another path.
std::optional<std::size_t> redirect_target(std::string_view location, std::string_view url,
                                           std::span<const std::string> addresses);

/// How long one call goes on. It counts the time that it is told of and looks at no clock.
class Retries {
 public:
  Retries(std::size_t addresses, Duration timeout) : addresses_(addresses), timeout_(timeout) {}

  /// What to do after `failure`, which took `spent`: the wait until the next try, which is of the next address; nullopt: give up.
  /// One address: 503 and the like three times after 1, 2 and 4 s, since nobody else could answer. A cluster that elects, a standby that
  /// lags, a quota, several addresses: until the timeout. Nobody listens at any address: at once.
  std::optional<Duration> next(const Failure& failure, Duration spent);
  /// The same, when `failure` sums up what all addresses say.
  std::optional<Duration> next_round(const Failure& failure, Duration spent);
  Duration left() const noexcept { return timeout_ - spent_; }
  int count() const noexcept { return tries_; }
  /// All addresses have been tried since the last wait.
  bool at_round_start() const noexcept { return in_round_ == 0; }

 private:
  std::size_t addresses_, in_round_ = 0, unreachable_ = 0;
  Duration timeout_, spent_{};
  int tries_ = 0, rounds_ = 0;
};

}  // namespace ymgr::vault
