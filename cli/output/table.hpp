// Text for people: tables without borders, and name-value lines.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ymgr::cli {

/// Two blanks between columns, upper-case header, the last column never padded; control characters made printable.
std::string format_table(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows);
/// "  name:  value", aligned. Empty values are left out.
std::string format_pairs(const std::vector<std::pair<std::string, std::string>>& pairs);
/// "  --out DIR  where files go", the right side aligned and wrapped: help texts.
std::string format_definitions(const std::vector<std::pair<std::string, std::string>>& definitions);
/// Paragraphs filled to `width` columns, each line after `indent` blanks.
std::string wrap(std::string_view text, std::size_t width, std::size_t indent);

}  // namespace ymgr::cli
