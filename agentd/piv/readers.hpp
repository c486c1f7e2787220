// Which YubiKeys are plugged in, through pcscd.
#pragma once
#include <memory>
#include <string>
#include <vector>

namespace ymgr::piv {

/// A reader that is a YubiKey and holds a card. Pulled out and plugged in again, it has another `insertion`.
struct PluggedReader {
  std::string name;
  unsigned long insertion = 0;
  bool operator==(const PluggedReader&) const = default;
};
struct Plugged {
  bool pcscd = false;  // it is there
  std::vector<PluggedReader> readers;
};

/// Sleeps in pcscd until something is plugged in or out. wait() belongs to one thread.
class ReaderWatch {
 public:
  ReaderWatch();
  ~ReaderWatch();
  ReaderWatch(const ReaderWatch&) = delete;
  ReaderWatch& operator=(const ReaderWatch&) = delete;
  /// The first call answers at once. Each later call blocks, at no CPU, until the list may have changed, and gives it anew;
  /// empty and stopped() after stop(). Without pcscd it tells so once and then sleeps until look_again().
  /// @throws Error device-failed: pcscd is there and refuses us; the next call sleeps until look_again()
  Plugged wait();
  /// From any thread: a wait() that sleeps because pcscd is away looks for it, and returns.
  void look_again() noexcept;
  /// From any thread: wait() returns, now and ever after.
  void stop() noexcept;
  bool stopped() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ymgr::piv
