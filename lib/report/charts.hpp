// What the charts of a report show.
#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "report/history.hpp"
#include "report/report.hpp"

namespace ymgr {

struct NamedCount {
  std::string name;
  std::int64_t count = 0;
};
/// Expiries day by day, from the first of this month on, 12 months.
struct ExpiryCalendar {
  std::chrono::year_month first;
  std::chrono::sys_days begin, end;        // end: exclusive
  std::vector<std::int64_t> days;          // of certificates that are neither expired nor replaced; past days: 0
  std::int64_t later = 0;                  // after the end
  std::int64_t of_month(int month) const;  // 0 to 11
};
inline constexpr int calendar_months = 12;

struct ReportCharts {
  std::vector<NamedCount> statuses;    // all certificates: good, due, expired, superseded, revoked
  std::vector<NamedCount> algorithms;  // of the active ones, most first
  ExpiryCalendar calendar;
  std::vector<history::Week> weeks;  // recorded ones, oldest first, 53 at most
};
/// In one read transaction. `report`: made at the same time.
ReportCharts make_charts(sql::Connection&, const Report& report);
/// Members statuses, algorithms, calendar (months with their days) and trend.
void add_to_json(const ReportCharts&, Json& document);

}  // namespace ymgr
