#include <algorithm>

#include "report/drawings.hpp"
#include "report/markup.hpp"
#include "report/words.hpp"

namespace ymgr::drawings {
namespace {

using markup::coordinate;
using markup::element;
using markup::word;

constexpr double around = 1000;  // length of the ring, in units of its own
constexpr int label_width = 92, bar_width = 300, number_width = 70, row_height = 30, bar_height = 16;

std::string arc(const NamedCount& part, double from, double length) {
  return element("circle",
                 {{"class", "arc " + part.name},
                  {"cx", "100"},
                  {"cy", "100"},
                  {"r", "76"},
                  {"pathLength", coordinate(around)},
                  {"stroke-dasharray", coordinate(length) + " " + coordinate(around)},
                  {"stroke-dashoffset", coordinate(-from)}},
                 word("title", {}, part.name + ": " + certificates_text(part.count)));
}

std::string arcs(const std::vector<NamedCount>& parts, std::int64_t total) {
  std::string content;
  double from = 0;
  for (const auto& part : parts) {
    if (part.count == 0) continue;
    const double share = around * static_cast<double>(part.count) / static_cast<double>(total);
    const double space = part.count == total ? 0 : std::min(4.0, share / 3);
    content += arc(part, from + space / 2, share - space);
    from += share;
  }
  return content;
}

std::string bar(const NamedCount& one, std::int64_t most, int row) {
  const int top = row * row_height;
  const double length = std::max(2.0, bar_width * static_cast<double>(one.count) / static_cast<double>(most));
  const std::string middle = coordinate(top + row_height / 2.0 + 4.5);
  return word("text", {{"class", "label"}, {"x", coordinate(label_width - 10)}, {"y", middle}}, one.name) +
         element("rect",
                 {{"class", "bar"},
                  {"x", coordinate(label_width)},
                  {"y", coordinate(top + (row_height - bar_height) / 2.0)},
                  {"width", coordinate(length)},
                  {"height", coordinate(bar_height)},
                  {"rx", "4"}},
                 word("title", {}, one.name + ": " + certificates_text(one.count))) +
         word("text", {{"class", "number"}, {"x", coordinate(label_width + length + 8)}, {"y", middle}},
              grouped(one.count));
}

}  // namespace

std::string ring(const std::vector<NamedCount>& parts, std::int64_t total) {
  return element(
      "svg",
      {{"class", "ring"}, {"role", "img"}, {"aria-labelledby", "status-title status-desc"}, {"viewBox", "0 0 200 200"}},
      word("title", {{"id", "status-title"}}, "Certificates by status") +
          word("desc", {{"id", "status-desc"}}, "A ring; the table has the same figures.") +
          element("circle", {{"class", "track"}, {"cx", "100"}, {"cy", "100"}, {"r", "76"}}, "") +
          element("g", {{"transform", "rotate(-90 100 100)"}}, arcs(parts, total)) +
          word("text", {{"class", "total"}, {"x", "100"}, {"y", "104"}}, grouped(total)) +
          word("text", {{"class", "unit"}, {"x", "100"}, {"y", "126"}}, "in the inventory"));
}

std::string bars(const std::vector<NamedCount>& counts) {
  std::string content = word("title", {{"id", "algorithms-title"}}, "Active certificates by key algorithm") +
                        word("desc", {{"id", "algorithms-desc"}}, "Bars; the table has the same figures.");
  int row = 0;
  for (const auto& one : counts) content += bar(one, counts.front().count, row++);
  return element("svg",
                 {{"class", "bars"},
                  {"role", "img"},
                  {"aria-labelledby", "algorithms-title algorithms-desc"},
                  {"viewBox", "0 0 " + std::to_string(label_width + bar_width + number_width) + " " +
                                  std::to_string(std::max(1, row) * row_height)}},
                 content);
}

}  // namespace ymgr::drawings
