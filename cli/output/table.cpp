#include "cli/output/table.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace ymgr::cli {

namespace {

constexpr std::size_t help_width = 100;

void pad(std::string& line, std::size_t width, std::size_t column) {
  if (width < column) line.append(column - width, ' ');
}

void add_row(std::string& out, const std::vector<std::string>& cells, const std::vector<std::size_t>& widths) {
  std::size_t last = cells.size();
  while (last > 0 && cells[last - 1].empty()) --last;
  for (std::size_t i = 0; i < last; ++i) {
    out += cells[i];
    if (i + 1 < last) pad(out, display_width(cells[i]), widths[i] + 2);
  }
  out += '\n';
}

}  // namespace

std::string format_table(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& title : header) widths.push_back(display_width(title));
  std::vector<std::vector<std::string>> clean = rows;
  for (auto& row : clean) {
    row.resize(header.size());
    for (std::size_t i = 0; i < row.size(); ++i) {
      row[i] = printable(row[i]);
      widths[i] = std::max(widths[i], display_width(row[i]));
    }
  }
  std::string out;
  add_row(out, header, widths);
  for (const auto& row : clean) add_row(out, row, widths);
  return out;
}

std::string format_pairs(const std::vector<std::pair<std::string, std::string>>& pairs) {
  std::size_t width = 0;
  for (const auto& [name, value] : pairs) {
    if (!value.empty()) width = std::max(width, display_width(name));
  }
  std::string out;
  for (const auto& [name, value] : pairs) {
    if (value.empty()) continue;
    out.append("  ").append(name).append(":");
    pad(out, display_width(name), width + 2);
    out.append(printable(value)).append("\n");
  }
  return out;
}

std::string format_definitions(const std::vector<std::pair<std::string, std::string>>& definitions) {
  constexpr std::size_t widest = 32;
  std::size_t column = 0;
  for (const auto& [left, right] : definitions) {
    if (display_width(left) <= widest) column = std::max(column, display_width(left));
  }
  column += 4;
  std::string out;
  for (const auto& [left, right] : definitions) {
    out.append("  ").append(left);
    const std::size_t width = display_width(left) + 2;
    if (right.empty()) {
      out += '\n';
      continue;
    }
    if (width + 2 > column) {
      out += '\n';
      out.append(column, ' ');
    } else {
      pad(out, width, column);
    }
    out += wrap(right, help_width, column).substr(column);
  }
  return out;
}

std::string wrap(std::string_view text, std::size_t width, std::size_t indent) {
  std::string out;
  std::size_t used = 0;
  const auto start_line = [&] {
    out.append(indent, ' ');
    used = indent;
  };
  for (const auto& paragraph : split(text, '\n')) {
    start_line();
    bool first = true;
    for (const auto& word : split(paragraph, ' ')) {
      if (word.empty()) continue;
      const std::size_t needed = display_width(word) + (first ? 0 : 1);
      if (!first && used + needed > width) {
        out += '\n';
        start_line();
        first = true;
      }
      if (!first) out += ' ';
      out += word;
      used += first ? display_width(word) : needed;
      first = false;
    }
    while (!out.empty() && out.back() == ' ' && first) out.pop_back();
    out += '\n';
  }
  return out;
}

}  // namespace ymgr::cli
