// A team's login on a day on which its database does not answer.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "workflow/stand_in.hpp"
#include "workflow/team_login.hpp"

namespace ymgr::team {

/// Gives the stand-in of that entity of Vault; nullopt: nothing was noted.
using OpenStandIn = std::function<std::optional<stand_in::Opened>(const std::string& entity_id)>;
/// Logged in at Vault alone, by `request` or (nullptr) under the session of `place`; the stand-in is the database. Its lock is the caller's
/// to keep. nullptr: there is none. @throws Error what Link::for_one_command, Link::resume and `open` throw
std::unique_ptr<Link> link_to_stand_in(Settings, const SessionPlace& place, const Reach&, const LoginRequest* request,
                                       const OpenStandIn& open);

}  // namespace ymgr::team
