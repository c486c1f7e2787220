// The agent: answers HTTP requests.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agentd/next_key.hpp"
#include "agentd/sessions.hpp"
#include "http/server.hpp"

namespace ymgr::agentd {

class Cards;

struct AgentSettings {
  std::vector<std::string> hosts;       // what Host may say over TCP: "127.0.0.1:56123", …
  std::vector<std::string> origins;     // of web pages that may ask
  std::vector<std::string> token_keys;  // files
  std::string tcp = "off";              // for people: the place that is served, "taken" or "off"
};

class Agent {
 public:
  /// @param changed  called when next_expiry() may have
  Agent(AgentSettings, std::function<void()> changed);
  ~Agent();
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;
  /// An http::LateHandler: never blocks.
  void handle(const http::Request&, http::Answer);

  const AgentSettings& settings() const noexcept { return settings_; }
  Sessions& sessions() noexcept { return sessions_; }
  NextKey& next_key() noexcept { return next_key_; }
  Cards& cards() noexcept;

 private:
  AgentSettings settings_;
  Sessions sessions_;
  NextKey next_key_;
  std::unique_ptr<Cards> cards_;
};

}  // namespace ymgr::agentd
