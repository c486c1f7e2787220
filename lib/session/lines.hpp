// How the files of sessions are written: a heading, then one "NAME VALUE" a line. For this folder.
#pragma once
#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/secret.hpp"
#include "base/secret_text.hpp"
#include "base/text.hpp"

namespace ymgr::session {

/// The next line without its LF, which the last one may lack.
inline std::string_view take_line(std::string_view& rest) noexcept {
  const auto line = rest.substr(0, rest.find('\n'));
  rest.remove_prefix(std::min(rest.size(), line.size() + 1));
  return line;
}

inline std::optional<std::string_view> take_value(std::string_view& rest, std::string_view name) noexcept {
  const auto line = take_line(rest);
  if (!line.starts_with(name) || line.substr(name.size(), 1) != " ") return std::nullopt;
  return line.substr(name.size() + 1);
}

/// A secret in base64. nullopt: it is not, or empty.
inline std::optional<Secret> take_secret(std::string_view& rest, std::string_view name) {
  const auto value = take_value(rest, name);
  auto bytes = value ? from_base64(*value) : std::nullopt;
  if (!bytes || bytes->empty()) return std::nullopt;
  return Secret::absorb(*bytes);
}

/// 32 lower-case hex digits.
inline bool is_session_id(std::string_view text) noexcept {
  return text.size() == 32 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

using Lines = std::vector<std::pair<std::string_view, std::string_view>>;
/// The heading, then the lines.
inline Secret write_lines(std::string_view heading, const Lines& lines) {
  std::size_t size = heading.size() + 1;
  for (const auto& [name, value] : lines) size += name.size() + value.size() + 2;
  SecretWriter out(size);
  out.put(heading);
  out.put("\n");
  for (const auto& [name, value] : lines)
    for (const auto part : {name, std::string_view(" "), value, std::string_view("\n")}) out.put(part);
  return out.finish();
}

}  // namespace ymgr::session
