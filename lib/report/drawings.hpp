// The charts of a report as inline SVG. Colours are classes of page.css. Each has title and description, and stands beside a
// table with the same figures.
#pragma once
#include <string>

#include "report/charts.hpp"

namespace ymgr::drawings {

/// Twelve months, each day as dark as many certificates expire on it.
std::string calendar(const ExpiryCalendar&, Time today);
/// 0: nothing expires; 4: as much as on the busiest day, or half of it.
int shade(std::int64_t count, std::int64_t busiest) noexcept;
/// A ring; `total` stands in it.
std::string ring(const std::vector<NamedCount>& parts, std::int64_t total);
/// Horizontal bars.
std::string bars(const std::vector<NamedCount>& counts);
/// A line of compliance; weeks without a record leave a gap.
std::string trend(const std::vector<history::Week>& weeks);

}  // namespace ymgr::drawings
