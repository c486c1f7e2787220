#include <algorithm>

#include "base/text.hpp"
#include "x509/types.hpp"

namespace ymgr {

std::string new_serial() {
  std::string bytes = random_bytes(16);
  // Positive, and sixteen bytes always: 126 random bits.
  bytes[0] = static_cast<char>((static_cast<unsigned char>(bytes[0]) & 0x7FU) | 0x40U);
  return *normal_serial(to_hex(bytes));
}

std::optional<std::string> normal_serial(std::string_view text) {
  constexpr std::size_t longest = 20;
  std::string digits;
  if (text.find(':') == std::string_view::npos) {
    digits = (text.size() % 2 != 0 ? "0" : "") + std::string(text);
  } else {
    for (const auto& byte : split(text, ':')) {
      if (byte.size() != 1 && byte.size() != 2) return std::nullopt;
      digits += (byte.size() == 1 ? "0" : "") + byte;
    }
  }
  const auto bytes = from_hex(digits);
  if (!bytes || bytes->empty()) return std::nullopt;
  const auto first = std::min(bytes->find_first_not_of('\0'), bytes->size() - 1);
  if (bytes->size() - first > longest) return std::nullopt;
  constexpr std::string_view hex_digits = "0123456789ABCDEF";
  std::string out;
  for (std::size_t i = first; i < bytes->size(); ++i) {
    const auto byte = static_cast<unsigned char>((*bytes)[i]);
    if (!out.empty()) out += ':';
    out += hex_digits[byte >> 4U];
    out += hex_digits[byte & 15U];
  }
  return out;
}

}  // namespace ymgr
