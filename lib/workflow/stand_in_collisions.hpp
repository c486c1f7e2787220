// Operations of a stand-in that meet open ones of the database.
#pragma once
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "workflow/workbench.hpp"

namespace ymgr::stand_in {

struct Settled {
  std::set<std::pair<std::string, std::int64_t>> abandoned;  // items of the stand-in, by request id and position
  std::vector<audit::Event> events;
};
/// Of each identity one item may be open. What the stand-in did ends what the database has still before it, unless a living process works
/// on that; what is merely planned in the stand-in, too, gives way. In the caller's transaction.
/// @param kinds  condition on what of the stand-in arrives
/// @return what of the stand-in is to come as abandoned, and what the audit trail is to say
Settled settle_collisions(Workbench&, sql::Connection& stand_in, std::string_view kinds);

}  // namespace ymgr::stand_in
