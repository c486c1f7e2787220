#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace virtual_yubikey {

using Byte = std::uint8_t;
using Bytes = std::vector<Byte>;
using View = std::span<const Byte>;

std::string to_hex(View bytes);
/// @throws std::invalid_argument odd length, or not a hexadecimal digit
Bytes from_hex(std::string_view text);

void append(Bytes& to, View more);
bool equal(View a, View b);
/// Big-endian, `size` bytes.
Bytes number(std::uint64_t value, std::size_t size);

}  // namespace virtual_yubikey
