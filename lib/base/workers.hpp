// The only place of the CLI that starts threads.
#pragma once
#include <cstddef>
#include <functional>

namespace ymgr {

/// Runs `work(worker)` for worker = 0 .. count-1, each on its own thread, while `serve` runs on the caller's.
/// Waits for all; the first exception thrown by any of them is thrown again here. Signals are delivered to the caller's
/// thread only.
void run_workers(std::size_t count, const std::function<void(std::size_t)>& work, const std::function<void()>& serve);
/// Processors this process may use, at least 1.
std::size_t processor_count() noexcept;

}  // namespace ymgr
