// Figures of former weeks. What the policy had against certificates is measured anew whenever it changes, so that no former
// state can be worked out later: only what was recorded is known.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "report/report.hpp"
#include "sql/connection.hpp"

namespace ymgr::history {

struct Week {
  Time week;  // its Monday, 00:00 UTC
  Time at;    // when it was recorded
  std::string policy_version;
  std::int64_t active = 0, expired = 0, due = 0, expiring = 0, revoked = 0, offending = 0;
  /// As Report::compliance_percent.
  double compliance_percent() const noexcept;
};
/// Monday, 00:00 UTC.
Time week_of(Time at) noexcept;
Week week_of(const Report&, std::string_view policy_version);
/// The first record of a week stays. Joins the caller's transaction. @return false: the week has one
bool record(sql::Connection&, const Week&, std::string_view actor);
/// The last `limit` that were recorded, oldest first. Weeks of which nothing is known are left out.
std::vector<Week> weeks(sql::Connection&, std::int64_t limit);

}  // namespace ymgr::history
