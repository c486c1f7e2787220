// A blocking call that pcscd offers no time limit for, made by a thread of its own.
#pragma once
#include <chrono>
#include <functional>
#include <future>
#include <thread>

namespace ymgr::piv {

class SideCall {
 public:
  /// Begins at once. What `call` captures must live until it has returned; shared ownership, when it may be left alone.
  explicit SideCall(std::function<void()> call) {
    std::packaged_task<void()> task(std::move(call));
    done_ = task.get_future();
    thread_ = std::thread(std::move(task));
  }
  SideCall(const SideCall&) = delete;
  SideCall& operator=(const SideCall&) = delete;
  ~SideCall() {
    if (thread_.joinable()) thread_.join();
  }
  bool done_within(std::chrono::milliseconds limit) { return done_.wait_for(limit) == std::future_status::ready; }
  /// Waits for it, and throws what it threw.
  void finish() { done_.get(); }
  /// Nobody waits for it any more.
  void leave() { thread_.detach(); }

 private:
  std::future<void> done_;
  std::thread thread_;
};

}  // namespace ymgr::piv
