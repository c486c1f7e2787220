#include "report/history.hpp"

#include <algorithm>

#include "report/words.hpp"

namespace ymgr::history {

double Week::compliance_percent() const noexcept {
  return percent_of(active - offending, active);
}

Time week_of(Time at) noexcept {
  const auto day = std::chrono::floor<std::chrono::days>(at);
  return day - (std::chrono::weekday(day) - std::chrono::Monday);
}

Week week_of(const Report& report, std::string_view policy_version) {
  const Time at = report.window.at;
  return {week_of(at),
          at,
          std::string(policy_version),
          report.active,
          report.expired,
          report.due,
          report.expiring,
          report.revoked,
          report.offending};
}

bool record(sql::Connection& db, const Week& week, std::string_view actor) {
  return db.run(
             "INSERT INTO compliance_reports (week, at, reported_by, policy_version, active, expired, due, expiring, "
             "revoked, offending) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (week) DO NOTHING",
             {to_micros(week.week), to_micros(week.at), actor, std::string_view(week.policy_version), week.active,
              week.expired, week.due, week.expiring, week.revoked, week.offending}) == 1;
}

std::vector<Week> weeks(sql::Connection& db, std::int64_t limit) {
  std::vector<Week> weeks;
  db.run(
      "SELECT week, at, policy_version, active, expired, due, expiring, revoked, offending FROM compliance_reports "
      "ORDER BY week DESC LIMIT $1",
      {limit}, [&](const sql::Row& row) {
        weeks.push_back({from_micros(row.integer(0)), from_micros(row.integer(1)), std::string(row.text(2)),
                         row.integer(3), row.integer(4), row.integer(5), row.integer(6), row.integer(7),
                         row.integer(8)});
      });
  std::ranges::reverse(weeks);
  return weeks;
}

}  // namespace ymgr::history
