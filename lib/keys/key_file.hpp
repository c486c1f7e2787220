// Private keys in files that servers read.
#pragma once
#include <string>

#include "base/secret.hpp"

namespace ymgr {

/// @throws Error key-not-found, file-unsafe, key-invalid: larger than any key
Secret read_key_file(const std::string& path);
/// Overwrites, removes and syncs the folder. Missing: fine.
void destroy_key_file(const std::string& path);

}  // namespace ymgr
