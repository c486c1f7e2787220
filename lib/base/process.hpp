// What every program of ours does first.
#pragma once

namespace ymgr {

/// No core dumps and no debugger at our secrets, private files by default, write errors instead of SIGPIPE.
void harden_process() noexcept;

}  // namespace ymgr
