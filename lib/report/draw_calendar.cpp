#include <algorithm>

#include "report/drawings.hpp"
#include "report/markup.hpp"
#include "report/words.hpp"

namespace ymgr::drawings {
namespace {

using markup::coordinate;
using markup::element;
using markup::word;

constexpr int cell = 22, gap = 2, pitch = cell + gap, columns = 4, month_gap = 26;
constexpr int month_width = 7 * pitch - gap, month_top = 26, month_height = month_top + 6 * pitch + 12;
constexpr std::string_view month_names[] = {"January", "February", "March",     "April",   "May",      "June",
                                            "July",    "August",   "September", "October", "November", "December"};

std::string month_title(std::chrono::year_month month) {
  return std::string(month_names[static_cast<unsigned>(month.month()) - 1]) + " " +
         std::to_string(static_cast<int>(month.year()));
}

struct Square {
  std::chrono::sys_days day;
  std::int64_t count;
  int x, y;
};

std::string square(const Square& at, std::int64_t busiest, std::chrono::sys_days today) {
  const int level = at.day < today ? -1 : shade(at.count, busiest);
  const std::string kind = level < 0 ? "past" : "heat-" + std::to_string(level);
  const std::string number = std::to_string(static_cast<unsigned>(std::chrono::year_month_day(at.day).day()));
  std::string content = element("rect",
                                {{"class", at.day == today ? kind + " today" : kind},
                                 {"x", coordinate(at.x)},
                                 {"y", coordinate(at.y)},
                                 {"width", coordinate(cell)},
                                 {"height", coordinate(cell)},
                                 {"rx", "4"}},
                                "") +
                        word("text",
                             {{"class", kind + "-number"},
                              {"x", coordinate(at.x + cell / 2.0)},
                              {"y", coordinate(at.y + cell / 2.0 + 3.5)}},
                             number);
  if (at.count == 0) return content;
  return element("g", {}, word("title", {}, date_text(at.day) + ": " + certificates_text(at.count)) + content);
}

std::string month(const ExpiryCalendar& calendar, int index, std::int64_t busiest, std::chrono::sys_days today) {
  const auto name = calendar.first + std::chrono::months(index);
  const int left = index % columns * (month_width + month_gap), top = index / columns * month_height;
  const std::chrono::sys_days first = name / std::chrono::day(1),
                              end = (name + std::chrono::months(1)) / std::chrono::day(1);
  std::string content =
      word("text", {{"class", "month"}, {"x", coordinate(left)}, {"y", coordinate(top + 14)}}, month_title(name));
  const auto lead = static_cast<int>((std::chrono::weekday(first) - std::chrono::Monday).count());
  for (auto day = first; day < end; day += std::chrono::days(1)) {
    const int place = lead + static_cast<int>((day - first).count());
    const auto count = calendar.days[static_cast<std::size_t>((day - calendar.begin).count())];
    content += square({day, count, left + place % 7 * pitch, top + month_top + place / 7 * pitch}, busiest, today);
  }
  return content;
}

}  // namespace

int shade(std::int64_t count, std::int64_t busiest) noexcept {
  if (count <= 0) return 0;
  if (count * 2 >= busiest) return 4;
  if (count * 4 >= busiest) return 3;
  return count * 8 >= busiest ? 2 : 1;
}

std::string calendar(const ExpiryCalendar& calendar, Time today) {
  const auto busiest = *std::ranges::max_element(calendar.days);
  const int width = columns * (month_width + month_gap) - month_gap;
  const int height = calendar_months / columns * month_height - 12;
  std::string content =
      word("title", {{"id", "calendar-title"}}, "Expiry calendar") +
      word("desc", {{"id", "calendar-desc"}},
           "Twelve months; the more certificates expire on a day, the stronger its colour. The table has the sums.");
  for (int index = 0; index < calendar_months; ++index)
    content += month(calendar, index, busiest, std::chrono::floor<std::chrono::days>(today));
  return element("svg",
                 {{"class", "calendar"},
                  {"role", "img"},
                  {"aria-labelledby", "calendar-title calendar-desc"},
                  {"viewBox", "-1 0 " + std::to_string(width + 2) + " " + std::to_string(height)}},
                 content);
}

}  // namespace ymgr::drawings
