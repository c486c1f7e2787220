// SIGINT and SIGTERM: the first asks for a tidy stop between steps, the second ends the process.
#pragma once
namespace ymgr {
void catch_interrupts();
/// 0, or the signal that arrived.
int interrupted() noexcept;
/// @throws Error interrupted when a signal has arrived
void throw_if_interrupted();
}  // namespace ymgr
