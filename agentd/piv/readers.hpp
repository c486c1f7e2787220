// Which YubiKeys are plugged in, through pcscd.
#pragma once
#include <memory>
#include <string>
#include <vector>

namespace ymgr::piv {

/// Names of the readers that are YubiKeys and hold a card now, in pcscd's order; none when pcscd does not run.
/// @throws Error device-failed: pcscd is there and refuses us
std::vector<std::string> list_readers();

/// Sleeps in pcscd until something is plugged in or out. wait() belongs to one thread.
class ReaderWatch {
 public:
  ReaderWatch();
  ~ReaderWatch();
  ReaderWatch(const ReaderWatch&) = delete;
  ReaderWatch& operator=(const ReaderWatch&) = delete;
  /// The first call answers at once: list_readers(). Each later call blocks, at no CPU, until the list may have changed (also
  /// when the same key was pulled and plugged in again), and gives it anew; empty and stopped() after stop().
  /// A pcscd that is not there or goes away means an empty list, and is looked for again every 10 seconds.
  std::vector<std::string> wait();
  /// From any thread: wait() returns, now and ever after.
  void stop() noexcept;
  bool stopped() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ymgr::piv
