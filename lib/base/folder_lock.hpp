// Locks on folders.
#pragma once
#include <chrono>
#include <optional>
#include <string>

#include "base/files.hpp"

namespace ymgr {

/// An exclusive lock on a folder, freed on destruction; it leaves nothing behind. It is waited for: for ever, or so long, where
/// others than its owner can open the folder; they hold up nobody, after that time there is no lock (an Fd of none).
/// @throws Error file-not-found, system-error
Fd lock_folder(const std::string& path, std::optional<std::chrono::seconds> patience = {});

}  // namespace ymgr
