#include "base/workers.hpp"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <deque>
#include <exception>
#include <future>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "base/error.hpp"

namespace ymgr {
namespace {

class FirstFailure {
 public:
  template <class Work>
  void guard(Work&& work) noexcept {
    try {
      work();
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!first_) first_ = std::current_exception();
    }
  }
  void rethrow() const {
    if (first_) std::rethrow_exception(first_);
  }

 private:
  std::mutex mutex_;
  std::exception_ptr first_;
};

// Threads inherit the mask of their maker: signals then reach the caller's thread only.
class SignalsBlocked {
 public:
  SignalsBlocked() noexcept {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

}  // namespace

void run_workers(std::size_t count, const std::function<void(std::size_t)>& work, const std::function<void()>& serve) {
  FirstFailure failure;
  // Nobody begins before all threads exist: a worker alone might wait for ever for the others.
  std::promise<bool> gate;
  const std::shared_future<bool> go = gate.get_future().share();
  std::vector<std::jthread> threads;
  try {
    const SignalsBlocked blocked;
    threads.reserve(count);
    for (std::size_t worker = 0; worker < count; ++worker) {
      threads.emplace_back([&failure, &work, go, worker] {
        if (go.get()) failure.guard([&] { work(worker); });
      });
    }
  } catch (const std::system_error& error) {
    gate.set_value(false);
    threads.clear();
    throw system_error("start", "a worker thread", error.code().value());
  }
  gate.set_value(true);
  failure.guard(serve);
  threads.clear();  // joins
  failure.rethrow();
}

struct Worker::State {
  void loop() {
    std::unique_lock lock(mutex);
    for (;;) {
      ready.wait(lock, [&] { return ended || !jobs.empty(); });
      if (ended) return;
      const auto job = std::move(jobs.front());
      jobs.pop_front();
      lock.unlock();
      job();
      lock.lock();
    }
  }

  std::mutex mutex;
  std::condition_variable ready;
  std::deque<std::function<void()>> jobs;
  bool ended = false;
  std::thread thread;
};

Worker::Worker() : state_(std::make_unique<State>()) {
  const SignalsBlocked blocked;
  try {
    state_->thread = std::thread([state = state_.get()] { state->loop(); });
  } catch (const std::system_error& error) {
    throw system_error("start", "a worker thread", error.code().value());
  }
}

Worker::~Worker() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->ended = true;
  }
  state_->ready.notify_one();
  state_->thread.join();
}

void Worker::run(std::function<void()> job) {
  {
    const std::lock_guard lock(state_->mutex);
    state_->jobs.push_back(std::move(job));
  }
  state_->ready.notify_one();
}

std::size_t processor_count() noexcept {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0)
    return static_cast<std::size_t>(std::max(1, CPU_COUNT(&allowed)));
  return std::max<std::size_t>(1, std::thread::hardware_concurrency());
}

}  // namespace ymgr
