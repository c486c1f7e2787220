// What was done and is not told in the audit trail.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "sql/connection.hpp"

namespace ymgr {

struct Omitted {
  std::string subject;  // cert_id, operation, serial number of a YubiKey
  std::string message;
};

/// The whole trail is there, and this login may read it: in a team, operators see only what they did themselves.
bool sees_whole_trail(sql::Connection&);
/// When a profile moved here, by the newest such event of whoever may move one: "profile.migrated", "audit.imported" (its trail stands in
/// a file).
std::optional<Time> arrival_of_profile(sql::Connection&, std::string_view event);
/// Certificates, revocations, operations and YubiKeys without the event that belongs to them, `at_most` of each kind. Meaningless
/// unless sees_whole_trail. What is older than a
/// trail that came in a file is told there.
std::vector<Omitted> omitted_records(sql::Connection&, std::size_t at_most = 100);

}  // namespace ymgr
