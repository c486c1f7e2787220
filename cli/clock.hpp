// The clock of this host against what a profile has recorded.
#pragma once
#include "session/session.hpp"
#include "sql/connection.hpp"

namespace ymgr::cli {

/// Asked before anything of a profile is recorded. @throws Error clock-set-back: its last event is later, and nobody has said that it
/// was the record's clock that was wrong
void check_clock(sql::Connection&);
/// From now on this clock counts, although events stand after it; the next ones stand beside the last of them until it has passed them.
/// @throws Error role-denied: an admin says so
void accept_clock(sql::Connection&, const Session&);

}  // namespace ymgr::cli
