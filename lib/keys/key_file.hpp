// Private keys in files that servers read.
#pragma once
#include <sys/types.h>

#include <string>
#include <string_view>

#include "base/secret.hpp"

namespace ymgr {

/// @throws Error key-not-found, file-unsafe: open beyond 0640; key-invalid: larger than any key
Secret read_key_file(const std::string& path);
/// A mode that read_key_file accepts: 0400 to 0640. @throws Error usage
mode_t parse_key_mode(std::string_view text);
/// Overwrites, removes and syncs the folder. Missing: fine.
/// @param public_key_sha256  hex; a file that holds anything else stays, zeros excepted. Empty: whatever it holds
/// @return true: it was there and is gone
bool destroy_key_file(const std::string& path, std::string_view public_key_sha256 = {});

}  // namespace ymgr
