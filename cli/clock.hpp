// The clock of this host against what a profile has recorded.
#pragma once
#include "sql/connection.hpp"

namespace ymgr::cli {

/// Asked before anything of a profile is recorded. @throws Error clock-set-back: its last event is later
void check_clock(sql::Connection&);

}  // namespace ymgr::cli
