#include "base/interrupt.hpp"

#include <atomic>
#include <csignal>
#include <string>

#include "base/error.hpp"

namespace ymgr {
namespace {

constinit std::atomic<int> arrived{0};
static_assert(std::atomic<int>::is_always_lock_free, "written by a signal handler");

extern "C" void ymgr_on_interrupt(int signal) {
  arrived.store(signal, std::memory_order_relaxed);
  // The second one, of either kind, ends the process.
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
}

void catch_one(int signal) {
  struct sigaction action {};
  // What the caller ignores (nohup, a background job of a script) stays ignored.
  if (sigaction(signal, nullptr, &action) != 0 || action.sa_handler == SIG_IGN) return;
  action = {};
  action.sa_handler = ymgr_on_interrupt;  // no SA_RESTART: a read that waits for input ends
  sigemptyset(&action.sa_mask);
  sigaction(signal, &action, nullptr);
}

}  // namespace

void catch_interrupts() {
  catch_one(SIGINT);
  catch_one(SIGTERM);
}

int interrupted() noexcept {
  return arrived.load(std::memory_order_relaxed);
}

void throw_if_interrupted() {
  if (const int signal = interrupted()) {
    throw Error(Code::interrupted, std::string("interrupted by ") + (signal == SIGINT ? "SIGINT" : "SIGTERM"),
                "run `ymgr resume --all` to finish what was begun");
  }
}

}  // namespace ymgr
