#include "agentd/piv/side_call.hpp"

#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

namespace ymgr::piv {

/// The thread, and the one call that it makes at a time.
struct SideCall::Hand {
  void work();
  void begin(std::function<void()> next);
  void end();  // after the call that it makes

  std::mutex mutex;
  std::condition_variable changed;
  std::function<void()> call;
  std::exception_ptr thrown;
  bool busy = false, ended = false;
  std::thread thread;
};

void SideCall::Hand::work() {
  std::unique_lock lock(mutex);
  while (true) {
    changed.wait(lock, [this] { return busy || ended; });
    if (!busy) return;
    std::function<void()> mine = std::exchange(call, nullptr);
    lock.unlock();
    std::exception_ptr error;
    try {
      mine();
    } catch (...) {
      error = std::current_exception();
    }
    mine = nullptr;  // what it captured is gone before anybody hears that it is done
    lock.lock();
    thrown = std::move(error);
    busy = false;
    changed.notify_all();
  }
}

void SideCall::Hand::begin(std::function<void()> next) {
  const std::lock_guard lock(mutex);
  call = std::move(next);
  thrown = nullptr;
  busy = true;
  changed.notify_all();
}

void SideCall::Hand::end() {
  const std::lock_guard lock(mutex);
  ended = true;
  changed.notify_all();
}

struct SideCall::Spare {
  Spare() = default;
  Spare(const Spare&) = delete;
  Spare& operator=(const Spare&) = delete;
  ~Spare() { keep(nullptr); }
  void keep(std::shared_ptr<Hand> next) {
    if (hand) {
      hand->end();
      hand->thread.join();
    }
    hand = std::move(next);
  }

  std::shared_ptr<Hand> hand;
};

SideCall::Spare& SideCall::spare() {
  thread_local Spare own;
  return own;
}

SideCall::SideCall(std::function<void()> call) : hand_(std::exchange(spare().hand, nullptr)) {
  if (!hand_) {
    hand_ = std::make_shared<Hand>();
    hand_->thread = std::thread([hand = hand_] { hand->work(); });
  }
  hand_->begin(std::move(call));
}

SideCall::~SideCall() {
  if (!hand_) return;
  {
    std::unique_lock lock(hand_->mutex);
    hand_->changed.wait(lock, [this] { return !hand_->busy; });
  }
  spare().keep(std::move(hand_));
}

bool SideCall::done_within(std::chrono::milliseconds limit) {
  std::unique_lock lock(hand_->mutex);
  return hand_->changed.wait_for(lock, limit, [this] { return !hand_->busy; });
}

void SideCall::finish() {
  std::unique_lock lock(hand_->mutex);
  hand_->changed.wait(lock, [this] { return !hand_->busy; });
  if (hand_->thrown) std::rethrow_exception(std::exchange(hand_->thrown, nullptr));
}

void SideCall::leave() {
  hand_->thread.detach();
  hand_->end();
  hand_.reset();
}

}  // namespace ymgr::piv
