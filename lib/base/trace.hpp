// Where the time went: named totals over all threads, printed by --verbose and read by the benchmarks.
#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace ymgr {

class TraceSpan {
 public:
  /// `name` must be a literal.
  explicit TraceSpan(const char* name) noexcept;
  ~TraceSpan();
  TraceSpan(const TraceSpan&) = delete;
  TraceSpan& operator=(const TraceSpan&) = delete;

 private:
  const char* name_;
  std::chrono::steady_clock::time_point begin_;
};

struct TraceTotal {
  std::string name;
  std::int64_t calls = 0, microseconds = 0;
};
/// By name.
std::vector<TraceTotal> trace_totals();

}  // namespace ymgr
