#include "base/trace.hpp"

#include <array>
#include <atomic>
#include <map>

namespace ymgr {
namespace {

struct Slot {
  std::atomic<const char*> name{nullptr};
  std::atomic<std::int64_t> calls{0}, nanoseconds{0};
};
// More names than the program has; what does not fit is not counted.
constinit std::array<Slot, 128> slots{};

// By address: the same name in two files has two slots, which trace_totals adds up.
Slot* slot_of(const char* name) noexcept {
  for (Slot& slot : slots) {
    const char* owner = slot.name.load(std::memory_order_relaxed);
    if (owner == nullptr && slot.name.compare_exchange_strong(owner, name, std::memory_order_relaxed)) return &slot;
    if (owner == name) return &slot;
  }
  return nullptr;
}

}  // namespace

TraceSpan::TraceSpan(const char* name) noexcept : name_(name), begin_(std::chrono::steady_clock::now()) {}

TraceSpan::~TraceSpan() {
  const auto taken = std::chrono::steady_clock::now() - begin_;
  Slot* slot = slot_of(name_);
  if (slot == nullptr) return;
  slot->calls.fetch_add(1, std::memory_order_relaxed);
  slot->nanoseconds.fetch_add(std::chrono::nanoseconds(taken).count(), std::memory_order_relaxed);
}

std::vector<TraceTotal> trace_totals() {
  struct Sum {
    std::int64_t calls = 0, nanoseconds = 0;
  };
  std::map<std::string, Sum> sums;
  for (const Slot& slot : slots) {
    const char* name = slot.name.load(std::memory_order_relaxed);
    if (name == nullptr) break;
    Sum& sum = sums[name];
    sum.calls += slot.calls.load(std::memory_order_relaxed);
    sum.nanoseconds += slot.nanoseconds.load(std::memory_order_relaxed);
  }
  std::vector<TraceTotal> totals;
  totals.reserve(sums.size());
  for (const auto& [name, sum] : sums) totals.push_back({name, sum.calls, sum.nanoseconds / 1000});
  return totals;
}

}  // namespace ymgr
