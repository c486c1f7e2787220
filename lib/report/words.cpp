#include "report/words.hpp"

#include <cmath>

namespace ymgr {

std::string grouped(std::int64_t number) {
  std::string text = std::to_string(number);
  for (auto place = static_cast<std::ptrdiff_t>(text.size()) - 3; place > 0; place -= 3) {
    text.insert(static_cast<std::size_t>(place), 1, ',');
  }
  return text;
}

std::string percent_text(double percent) {
  const auto tenths = std::lround(percent * 10);
  if (tenths % 10 == 0) return std::to_string(tenths / 10) + "%";
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + "%";
}

double percent_of(std::int64_t part, std::int64_t all) noexcept {
  if (all == 0) return 100;
  const std::int64_t tenths = part * 1000 / all;  // never rounded up
  return static_cast<double>(tenths) / 10;
}

std::string certificates_text(std::int64_t count) {
  return grouped(count) + (count == 1 ? " certificate" : " certificates");
}

std::string date_text(Time at) {
  return format_time(at).substr(0, 10);
}

}  // namespace ymgr
