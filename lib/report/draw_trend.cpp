#include <algorithm>

#include "report/drawings.hpp"
#include "report/markup.hpp"
#include "report/words.hpp"

namespace ymgr::drawings {
namespace {

using history::Week;
using markup::coordinate;
using markup::element;
using markup::word;

constexpr double left = 52, right = 604, top = 16, bottom = 220, height = 260, width = 620;

/// From which percentage the axis goes to 100.
int floor_of(const std::vector<Week>& weeks) {
  double lowest = 100;
  for (const auto& week : weeks) lowest = std::min(lowest, week.compliance_percent());
  return std::max(0, (static_cast<int>(lowest) - 5) / 10 * 10);
}

class Plot {
 public:
  explicit Plot(const std::vector<Week>& weeks)
      : weeks_(weeks), floor_(floor_of(weeks)), span_(index(weeks.back().week)) {}

  std::string content() const { return axis() + area() + lines() + points(); }

 private:
  std::int64_t index(Time week) const {
    return std::chrono::floor<std::chrono::weeks>(week - weeks_.front().week).count();
  }
  double x(const Week& week) const {
    if (span_ == 0) return (left + right) / 2;
    return left + (right - left) * static_cast<double>(index(week.week)) / static_cast<double>(span_);
  }
  double y(double percent) const { return bottom - (bottom - top) * (percent - floor_) / (100 - floor_); }
  std::string place(const Week& week) const {
    return coordinate(x(week)) + "," + coordinate(y(week.compliance_percent()));
  }

  std::string axis() const {
    std::string content;
    for (int step = 0; step <= 4; ++step) {
      const double percent = floor_ + (100.0 - floor_) * step / 4;
      const std::string at = coordinate(y(percent));
      content +=
          element("line",
                  {{"class", "grid"}, {"x1", coordinate(left)}, {"x2", coordinate(right)}, {"y1", at}, {"y2", at}},
                  "") +
          word("text", {{"class", "scale"}, {"x", coordinate(left - 10)}, {"y", coordinate(y(percent) + 4)}},
               percent_text(percent));
    }
    return content + dates();
  }

  /// As many as fit, the first and the last always.
  std::string dates() const {
    std::string content;
    double last_x = -1000;
    for (const auto& week : weeks_) {
      const bool is_last = &week == &weeks_.back();
      const double at = x(week);
      if (at - last_x < 92 || (!is_last && x(weeks_.back()) - at < 92)) continue;
      last_x = at;
      const std::string_view anchor = span_ > 0 && at > right - 40 ? "date end" : "date";
      content += word("text", {{"class", std::string(anchor)}, {"x", coordinate(at)}, {"y", coordinate(bottom + 26)}},
                      date_text(week.week));
    }
    return content;
  }

  /// Runs of weeks that follow one another.
  template <class Use>
  void each_run(const Use& use) const {
    for (auto from = weeks_.begin(); from != weeks_.end();) {
      auto to = from + 1;
      while (to != weeks_.end() && index(to->week) == index((to - 1)->week) + 1) ++to;
      if (to - from > 1) use(from, to);
      from = to;
    }
  }

  std::string area() const {
    std::string content;
    each_run([&](auto from, auto to) {
      std::string path = coordinate(x(*from)) + "," + coordinate(bottom);
      for (auto week = from; week != to; ++week) path += " " + place(*week);
      path += " " + coordinate(x(*(to - 1))) + "," + coordinate(bottom);
      content += element("polygon", {{"class", "area"}, {"points", path}}, "");
    });
    return content;
  }

  std::string lines() const {
    std::string content;
    each_run([&](auto from, auto to) {
      std::string path;
      for (auto week = from; week != to; ++week) path += (path.empty() ? "" : " ") + place(*week);
      content += element("polyline", {{"class", "line"}, {"points", path}}, "");
    });
    return content;
  }

  std::string points() const {
    std::string content;
    for (const auto& week : weeks_) {
      const std::string text = "week of " + date_text(week.week) + ": " + percent_text(week.compliance_percent()) +
                               ", " + grouped(week.offending) + " of " + grouped(week.active) + " against the policy";
      content += element("circle",
                         {{"class", "point"},
                          {"cx", coordinate(x(week))},
                          {"cy", coordinate(y(week.compliance_percent()))},
                          {"r", "4"}},
                         word("title", {}, text));
    }
    return content;
  }

  const std::vector<Week>& weeks_;
  int floor_;
  std::int64_t span_;
};

}  // namespace

std::string trend(const std::vector<Week>& weeks) {
  std::string content =
      word("title", {{"id", "trend-title"}}, "Policy compliance week by week") +
      word("desc", {{"id", "trend-desc"}},
           "A line; weeks of which nothing was recorded leave a gap. The table has the same figures.");
  if (!weeks.empty()) content += Plot(weeks).content();
  return element("svg",
                 {{"class", "trend"},
                  {"role", "img"},
                  {"aria-labelledby", "trend-title trend-desc"},
                  {"viewBox", "0 0 " + coordinate(width) + " " + coordinate(height)}},
                 content);
}

}  // namespace ymgr::drawings
