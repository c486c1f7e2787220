// Who may use the agent now: live sessions, their keys and their nonces. Used by several threads.
#pragma once
#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "agent/token.hpp"
#include "x509/key.hpp"

namespace ymgr::agentd {

/// Lives as long as somebody works under it; ended, it is found no more.
struct Session {
  Session(std::string user, PrivateKey key, Time expires_at);

  std::string user;
  PrivateKey key;  // secrets are sealed to it
  Time expires_at;

 private:
  friend class Sessions;
  using Steady = std::chrono::steady_clock;
  struct Nonce {
    std::string text;
    Steady::time_point until;
  };
  Sha256 secret_hash_{};
  Steady::time_point deadline_;  // for a wall clock that is set back
  std::list<Nonce> nonces_;
};

class Sessions {
 public:
  static constexpr std::size_t most_sessions = 8, most_nonces = 16;
  static constexpr std::chrono::seconds nonce_life{60};
  static constexpr std::chrono::hours longest_life{8};

  /// @param changed  called when next_expiry() may have
  explicit Sessions(std::function<void()> changed);

  struct Opened {
    std::shared_ptr<Session> session;
    std::string secret;  // the bearer of later calls: told once, kept as its hash
  };
  /// When a session of that token will end: at its session_exp, or else its exp, after 8 hours and at `wanted` at most.
  /// @throws Error token-refused: that is over
  static Time end_of(const agent::IdentityToken& token, Time wanted = Time::max());
  /// Where eight live, the one that was used longest ago ends.
  Opened open(const std::string& user, PrivateKey key, Time end);
  /// @throws Error agent-session-unknown
  std::shared_ptr<Session> find(std::string_view secret);
  void close(const std::shared_ptr<Session>&);
  /// 22 characters; the oldest goes when a session has 16.
  std::string new_nonce(Session&);
  /// Spends it. @throws Error sealed-invalid: not one of this session, spent, or older than 60 seconds
  void spend_nonce(Session&, std::string_view nonce);

  /// Ends those whose time has come. @return how many
  std::size_t sweep();
  /// How long until sweep() has something to do; nullopt: no session lives.
  std::optional<std::chrono::milliseconds> next_expiry();

 private:
  std::function<void()> changed_;
  std::mutex mutex_;
  std::list<std::shared_ptr<Session>> live_;  // the last used first
};

}  // namespace ymgr::agentd
