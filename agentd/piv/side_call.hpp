// A blocking call that pcscd offers no time limit for, made by another thread. That thread is kept for the next call: on a busy
// machine a new one waits for its first turn longer than the card takes to answer.
#pragma once
#include <chrono>
#include <functional>
#include <memory>

namespace ymgr::piv {

class SideCall {
 public:
  /// Begins at once. What `call` captures must live until it has returned; shared ownership, when it may be left alone.
  explicit SideCall(std::function<void()> call);
  SideCall(const SideCall&) = delete;
  SideCall& operator=(const SideCall&) = delete;
  ~SideCall();  // waits for it, unless it was left
  bool done_within(std::chrono::milliseconds limit);
  /// Waits for it, and throws what it threw.
  void finish();
  /// Nobody waits for it any more.
  void leave();

 private:
  struct Hand;
  struct Spare;
  static Spare& spare();  // of the calling thread

  std::shared_ptr<Hand> hand_;  // none: left
};

}  // namespace ymgr::piv
