#include "virtual_yubikey/bytes.hpp"

#include <algorithm>
#include <stdexcept>

namespace virtual_yubikey {
namespace {

constexpr std::string_view digits = "0123456789abcdef";

Byte digit(char c) {
  const auto lower = c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
  const auto at = digits.find(lower);
  if (at == std::string_view::npos) throw std::invalid_argument("not a hexadecimal digit");
  return static_cast<Byte>(at);
}

}  // namespace

std::string to_hex(View bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const Byte byte : bytes) {
    text += digits[byte >> 4];
    text += digits[byte & 0x0F];
  }
  return text;
}

Bytes from_hex(std::string_view text) {
  if (text.size() % 2 != 0) throw std::invalid_argument("an odd number of hexadecimal digits");
  Bytes bytes;
  bytes.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    bytes.push_back(static_cast<Byte>((digit(text[i]) << 4) | digit(text[i + 1])));
  }
  return bytes;
}

void append(Bytes& to, View more) {
  to.insert(to.end(), more.begin(), more.end());
}

bool equal(View a, View b) {
  return std::ranges::equal(a, b);
}

Bytes number(std::uint64_t value, std::size_t size) {
  Bytes bytes(size);
  for (std::size_t i = size; i > 0; --i, value >>= 8) bytes[i - 1] = static_cast<Byte>(value & 0xFF);
  return bytes;
}

}  // namespace virtual_yubikey
