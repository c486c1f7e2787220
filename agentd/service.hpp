// The process: sockets, signals, systemd.
#pragma once
#include "agentd/options.hpp"

namespace ymgr::agentd {

/// Serves until SIGTERM, SIGINT or SIGHUP, then ends what was begun. Signals must be blocked already.
/// @throws Error when it can't start
void serve(const Options&);
/// SIGTERM, SIGINT and SIGHUP wait from now on, in every thread.
void block_signals();

}  // namespace ymgr::agentd
