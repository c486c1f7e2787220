// Locks on folders.
#pragma once
#include <string>

#include "base/files.hpp"

namespace ymgr {

/// An exclusive lock on a folder, freed on destruction; waited for. It leaves nothing behind.
Fd lock_folder(const std::string& path);

}  // namespace ymgr
