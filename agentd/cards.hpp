// The keys that are plugged in: one worker each, made and ended by plug events.
#pragma once
#include <chrono>
#include <list>
#include <memory>

#include "agentd/card_worker.hpp"

namespace ymgr::agentd {

/// No function waits for a card, but stop() and the end of the object.
class Cards {
 public:
  Cards();
  ~Cards();
  Cards(const Cards&) = delete;
  Cards& operator=(const Cards&) = delete;

  /// What plug events left, as GET /discover answers it: at once, but for the first moments of the agent and of pcscd, in which
  /// it waits until the keys that are there have told who they are.
  void discover(const Reply& reply);
  /// As far as the last look told; discover() looks again.
  bool has_pcscd() const;
  /// Serials of keys that wait for a finger.
  std::vector<std::string> touched() const;
  /// Queues it at the worker of its key. Answers device-not-found, device-ambiguous (details: serials), device-removed, what the
  /// key could not be read for, and agent-stopping.
  void run(CardTask task);
  /// Answers agent-stopping to what has not begun, and waits for what runs.
  /// @return false: something ran for longer than `limit`. It has been answered; no thread may be waited for.
  bool stop(std::chrono::milliseconds limit);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ymgr::agentd
