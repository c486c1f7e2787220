#include "workflow/trail_clock.hpp"

#include <chrono>

#include "audit/audit.hpp"
#include "base/error.hpp"
#include "base/text.hpp"
#include "workflow/operation.hpp"

namespace ymgr {

namespace {

constexpr Duration tolerance = std::chrono::seconds(60);
constexpr const char* accepted_event = "clock.accepted";

std::optional<audit::Row> last_event(sql::Connection& db, std::string name) {
  auto rows = audit::list(db, {.event = std::move(name), .limit = -1});
  return rows.empty() ? std::nullopt : std::optional(std::move(rows.front()));
}

/// nullopt: the event does not say it.
std::optional<Time> accepted_clock(const audit::Row& event) {
  try {
    return parse_time(text_in(journaled(event.data), "clock"));
  } catch (const Error& error) {
    if (error.code() != Code::time_invalid) throw;
    return std::nullopt;
  }
}

/// Counts as long as events stand where they stood when it was said.
std::string who_accepted(sql::Connection& db, Time last, Time at) {
  const auto event = last_event(db, accepted_event);
  if (!event || event->at != last) return {};
  const auto clock = accepted_clock(*event);
  return clock && *clock <= at + tolerance ? event->actor : std::string();
}

}  // namespace

TrailClock trail_clock(sql::Connection& db, Time at) {
  TrailClock found;
  const auto last = last_event(db, {});
  if (!last) return found;
  found.last = last->at;
  found.is_behind = last->at > at + tolerance;
  if (found.is_behind) found.accepted_by = who_accepted(db, last->at, at);
  return found;
}

void check_clock(sql::Connection& db) {
  const Time at = now();
  const auto found = trail_clock(db, at);
  if (!found.is_behind || !found.accepted_by.empty()) return;
  throw Error(
      Code::clock_set_back,
      "the clock says " + format_time(at) + ", but the last recorded event was at " + format_time(*found.last),
      "Set the clock right; where it was the record's that was wrong, an admin says so: ymgr login --accept-clock");
}

void accept_clock(sql::Connection& db, const Session& session) {
  session.require(Right::manage_ca);
  const Time at = now();
  const auto found = trail_clock(db, at);
  if (!found.is_behind || !found.accepted_by.empty()) return;
  const Json told = Json::object({{"clock", format_time(at)}, {"last_event_at", format_time(*found.last)}});
  db.transaction(sql::Access::write, [&] {
    audit::append(db, session.identity().user, {{{}, accepted_event, "", told}}, nullptr);
  });
}

}  // namespace ymgr
