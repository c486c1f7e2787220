// The only place that starts threads, but for the HTTP server's one.
#pragma once
#include <cstddef>
#include <functional>
#include <memory>

namespace ymgr {

/// Runs `work(worker)` for worker = 0 .. count-1, each on its own thread, while `serve` runs on the caller's.
/// Waits for all; the first exception thrown by any of them is thrown again here. Signals are delivered to the caller's
/// thread only.
void run_workers(std::size_t count, const std::function<void(std::size_t)>& work, const std::function<void()>& serve);
/// Processors this process may use, at least 1.
std::size_t processor_count() noexcept;

/// One thread that runs jobs in the order they came and sleeps in between. Jobs must not throw. Signals are not delivered to
/// it. The destructor waits for the job that runs and drops those that have not begun.
class Worker {
 public:
  Worker();
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  /// From any thread.
  void run(std::function<void()> job);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ymgr
