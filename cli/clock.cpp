#include "cli/clock.hpp"

#include <chrono>

#include "audit/audit.hpp"
#include "base/error.hpp"

namespace ymgr::cli {

namespace {

constexpr Duration tolerance = std::chrono::seconds(60);

}  // namespace

void check_clock(sql::Connection& db) {
  const auto last = audit::list(
      db,
      {.request_id = {}, .event = {}, .target = {}, .actor = {}, .from = {}, .to = {}, .after_seq = 0, .limit = -1});
  if (last.empty() || last.front().at <= now() + tolerance) return;
  throw Error(
      Code::clock_set_back,
      "the clock says " + format_time(now()) + ", but the last recorded event was at " + format_time(last.front().at),
      "Set the clock right; where it was the record's that was wrong, ymgr backup restore brings an earlier one back");
}

}  // namespace ymgr::cli
