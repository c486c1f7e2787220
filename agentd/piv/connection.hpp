// One card behind pcscd: connected, in one transaction, until the object dies.
#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "agentd/piv/apdu.hpp"

namespace ymgr::piv {

class SideCall;

struct Patience {
  std::function<void()> on_touch, on_touch_end;
  std::chrono::milliseconds touch_after{500}, touch_limit{30000};
};

class Connection {
 public:
  /// @throws Error device-not-found, device-busy: not had within `busy_wait`, device-failed
  Connection(const std::string& reader, std::chrono::milliseconds busy_wait);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() = default;

  /// @throws Error device-removed: outcome unknown where the command changes something; device-failed
  Answer run(const Command& command);
  /// The same for a command that may wait for a finger. @throws Error touch-timeout: no answer within the limit; the object is of no
  /// more use, and the card is let go when the answer has come
  Answer run_patiently(const Command& command, const Patience& patience);
  /// Whether the last run_patiently had to wait for longer than touch_after.
  bool waited() const noexcept { return waited_; }
  /// Whether a command that changes something was carried out.
  bool changed() const noexcept { return changed_; }
  /// The end of the object resets the card: what was proven to it is forgotten.
  void reset_at_end() noexcept;
  const std::string& reader() const noexcept;

 private:
  struct Handle;
  void wait_for_finger(SideCall& call, const Patience& patience);
  std::shared_ptr<Handle> handle_;  // shared with a thread that waits for a finger
  bool waited_ = false, changed_ = false;
};

}  // namespace ymgr::piv
