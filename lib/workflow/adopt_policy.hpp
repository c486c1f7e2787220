// The policy file of a profile, and what the database remembers of it.
#pragma once
#include <functional>
#include <string>

#include "audit/audit.hpp"
#include "base/notice.hpp"
#include "policy/policy.hpp"
#include "session/session.hpp"
#include "sql/connection.hpp"

namespace ymgr {

/// Who adopts a changed policy.
struct PolicyAdopter {
  const Session& session;
  const audit::HeadSigner* signer;
  Notices& notices;
};

/// Remembers the policy of a new profile, inside the caller's transaction.
void record_first_policy(sql::Connection&, const Policy&, std::string_view text, Time at);

struct PolicyText {
  std::string text, origin;  // a file, for messages
};
/// @throws Error file-not-found, file-too-large
PolicyText read_policy_file(const std::string& path);

/// Unchanged, or a version that was in force before with the same text: as it is. A version never seen: an
/// admin's session adopts it, with an audit event, and measures every certificate by it; `adopter` is asked only then, or when
/// measuring was interrupted.
/// @throws Error policy-unversioned: another text under a known version · role-denied: not an admin · policy-invalid
Policy adopt_policy(sql::Connection&, const PolicyText&, const std::function<PolicyAdopter()>& adopter);

/// Of a team: its text stands in the database, where admins alone put it; before they do, the preset "internal".
/// @throws Error policy-invalid
Policy team_policy(sql::Connection&, const std::function<PolicyAdopter()>& adopter);
/// Puts it there and adopts it. @throws Error as adopt_policy
Policy set_team_policy(sql::Connection&, const PolicyText&, const PolicyAdopter& adopter);
/// The first one, by whoever sets the servers up; joins the caller's transaction. @return false: there is one
bool seed_team_policy(sql::Connection&, const PolicyText&);

/// How a policy's text stands against the one in force.
enum class PolicyChange { unchanged, fresh, returning, unversioned };
/// "unchanged", "new", "returning": in force before, "unversioned": another text under a known version.
std::string_view to_string(PolicyChange) noexcept;
PolicyChange compare_policy(sql::Connection&, const Policy&, std::string_view text);
/// The same. @throws Error policy-unversioned
PolicyChange check_policy_change(sql::Connection&, const Policy&, const PolicyText&);

}  // namespace ymgr
