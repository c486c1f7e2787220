// One UTF-8 decoder for text, JSON, CSV and YAML.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace ymgr {

struct Utf8Char {
  char32_t code = 0;
  std::size_t size = 1;  // bytes taken; 1 when invalid
  bool valid = false;
};

/// The character at `at` < text.size(). Overlong forms, surrogates and codes above U+10FFFF are invalid.   Source: RFC 3629
Utf8Char utf8_at(std::string_view text, std::size_t at) noexcept;
/// The offset of the first byte that is not UTF-8.
std::optional<std::size_t> find_invalid_utf8(std::string_view text) noexcept;

/// Line and column (in bytes), both from 1, of an offset.
struct TextPlace {
  std::size_t line = 1, column = 1;
};
TextPlace place_of(std::string_view text, std::size_t offset) noexcept;

}  // namespace ymgr
