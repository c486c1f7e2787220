// Locks on folders.
#pragma once
#include <chrono>
#include <optional>
#include <string>

#include "base/files.hpp"

namespace ymgr {

/// An exclusive lock on a folder, freed on destruction; it leaves nothing behind. Waited for: for ever, or so long, where others
/// than its owner can open the folder and hold the lock. @throws Error system-error, also when the time is over
Fd lock_folder(const std::string& path, std::optional<std::chrono::seconds> patience = {});

}  // namespace ymgr
