#include "cli/clock.hpp"

#include <chrono>

#include "audit/audit.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "base/text.hpp"

namespace ymgr::cli {

namespace {

constexpr Duration tolerance = std::chrono::seconds(60);
constexpr const char* accepted_event = "clock.accepted";

std::optional<audit::Row> last_event(sql::Connection& db, std::string name) {
  auto rows = audit::list(db, {.event = std::move(name), .limit = -1});
  return rows.empty() ? std::nullopt : std::optional(std::move(rows.front()));
}

/// As long as events stand where they stood when an admin said so.
bool is_accepted(sql::Connection& db, const audit::Row& last) {
  const auto accepted = last_event(db, accepted_event);
  return accepted && accepted->at == last.at &&
         parse_time(parse_json(accepted->data).text_or("clock", "")) <= now() + tolerance;
}

}  // namespace

void check_clock(sql::Connection& db) {
  const auto last = last_event(db, {});
  if (!last || last->at <= now() + tolerance || is_accepted(db, *last)) return;
  throw Error(
      Code::clock_set_back,
      "the clock says " + format_time(now()) + ", but the last recorded event was at " + format_time(last->at),
      "Set the clock right; where it was the record's that was wrong, an admin says so: ymgr login --accept-clock");
}

void accept_clock(sql::Connection& db, const Session& session) {
  session.require(Right::manage_ca);
  const auto last = last_event(db, {});
  const Json told =
      Json::object({{"clock", format_time(now())}, {"last_event_at", last ? Json(format_time(last->at)) : Json()}});
  db.transaction(sql::Access::write, [&] {
    audit::append(db, session.identity().user, {{{}, accepted_event, "", told}}, nullptr);
  });
}

}  // namespace ymgr::cli
