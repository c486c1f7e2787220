// The audit trail on its way to a team: row by row into a trail that has not begun, else as a file that the team's trail names.
#pragma once
#include <string>

#include "audit/audit.hpp"
#include "base/files.hpp"
#include "workflow/migrate_tables.hpp"

namespace ymgr::migrate {

struct TrailEnd {
  std::int64_t seq = 0;  // 0: there is no row
  std::string hash;
};
TrailEnd end_of_trail(sql::Connection&);
/// Rows 1 to `last` of the profile's.
Table trail_up_to(std::int64_t last);
/// The team's trail is empty or a beginning of the profile's: the rest can follow, with place, time, actor and hash as they were.
bool trail_fits(sql::Connection& profile, sql::Connection& team);
/// The database computes every hash again. The signed head comes along where the team has none.
/// @throws Error database-older: its functions are older than that
Copied copy_trail(const Table&, sql::Connection& profile, sql::Connection& team);

/// What the team's trail says of a trail that stands in a file.
struct FiledTrail {
  std::string sha256;  // of the file
  audit::Checkpoint checkpoint;
};
/// Writes the trail as `audit export` does, and a checkpoint of it beside it (`path`.checkpoint). @throws Error file-exists
FiledTrail file_trail(sql::Connection& profile, const audit::HeadSigner&, const std::string& path, Existing);

}  // namespace ymgr::migrate
