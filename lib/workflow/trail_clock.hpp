// The clock of this host against what a profile has recorded.
#pragma once
#include <optional>
#include <string>

#include "session/session.hpp"
#include "sql/connection.hpp"

namespace ymgr {

struct TrailClock {
  std::optional<Time> last;  // when the last event was recorded
  bool is_behind = false;    // this clock is, by more than a minute
  std::string accepted_by;   // who said that it is right nonetheless; empty: nobody
};
TrailClock trail_clock(sql::Connection&, Time at);

/// Asked before anything of a profile is recorded. @throws Error clock-set-back: its last event is later, and nobody has said that it
/// was the record's clock that was wrong
void check_clock(sql::Connection&);
/// From now on this clock counts, although events stand after it; the next ones stand beside the last of them until it has passed them.
/// Does nothing where it counts already. @throws Error role-denied: an admin says so
void accept_clock(sql::Connection&, const Session&);

}  // namespace ymgr
