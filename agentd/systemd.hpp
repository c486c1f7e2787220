// What systemd and the agent tell each other. Nothing happens where systemd did not start it.
#pragma once
#include <chrono>
#include <optional>
#include <vector>

#include "base/files.hpp"

namespace ymgr::agentd::systemd {

/// Listening sockets that it was started with; taken once.
/// @throws Error usage: one that is neither a Unix socket nor TCP on 127.0.0.0/8
std::vector<Fd> handed_sockets();
/// "READY=1", "WATCHDOG=1", "STOPPING=1".
void notify(const char* state) noexcept;
/// How often WATCHDOG=1 is to be said; nullopt: not at all.
std::optional<std::chrono::milliseconds> watchdog_interval();

}  // namespace ymgr::agentd::systemd
