// Small text helpers, ASCII only unless said otherwise.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ymgr {

std::string lower(std::string_view text);
std::string_view trim(std::string_view text) noexcept;
std::vector<std::string> split(std::string_view text, char separator);
std::string join(std::span<const std::string> parts, std::string_view separator);
bool starts_with_icase(std::string_view text, std::string_view prefix) noexcept;

std::string to_hex(std::string_view bytes);                        // lower case
std::optional<std::string> from_hex(std::string_view text);        // either case, even length
std::string to_base64(std::string_view bytes);                     // RFC 4648 with padding
std::optional<std::string> from_base64(std::string_view text);     // strict; line breaks refused
std::string to_base64url(std::string_view bytes);                  // no padding
std::optional<std::string> from_base64url(std::string_view text);  // strict, no padding

/// Decimal, no sign, no leading blanks; nullopt on overflow or any other character.
std::optional<std::int64_t> parse_number(std::string_view text) noexcept;
bool is_utf8(std::string_view text) noexcept;
/// Control characters (C0, C1, DEL, line separators, bidirectional overrides) and invalid UTF-8 become '?': safe on a
/// terminal and in a log.
std::string printable(std::string_view text);
/// Columns that a terminal needs (wcwidth).
std::size_t display_width(std::string_view utf8) noexcept;

/// The candidate with the smallest edit distance, if that is 2 or less (1 for texts of 3 or fewer); else nullopt.
std::optional<std::string> nearest(std::string_view text, std::span<const std::string_view> candidates);
/// Splits as a POSIX shell would split quoted words, without any expansion.
/// @throws Error usage: open quote, or a backslash at the end
std::vector<std::string> split_words(std::string_view text);
/// `text` in single quotes where a shell needs them.
std::string shell_quote(std::string_view text);

}  // namespace ymgr
