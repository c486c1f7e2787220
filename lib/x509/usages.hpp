// Key usage bits by name, for this folder.
#pragma once
#include <span>
#include <string>
#include <vector>

namespace ymgr {

/// Bit n of the result is bit n of RFC 5280's KeyUsage. @throws Error certificate-invalid: unknown name
unsigned key_usage_bits(std::span<const std::string> names);
std::vector<std::string> key_usage_names(unsigned bits);

}  // namespace ymgr
