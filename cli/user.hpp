// What the commands of `ymgr user` share, and what they do in a team.
#pragma once
#include <string>
#include <string_view>

#include "cli/invocation.hpp"
#include "workflow/login.hpp"

namespace ymgr::cli {

UserAdmin admin_of(Invocation&);
/// "user" and "changed", and the line that fits.
Result user_answer(const std::string& name, bool changed, const std::string& done, const std::string& nothing);

/// What `user enable` and `user disable` do to NAME. @throws Error last-admin; usage: oneself in a team
Result set_enabled(Invocation&, bool enabled);

inline constexpr std::string_view password_prompt_end = " (12 characters at least):";

/// The same as the embedded profile's, at a team's servers.
namespace people {
Result add(Invocation&, const TeamServers&);
Result set_enabled(Invocation&, const TeamServers&, bool enabled);
Result set_role(Invocation&, const TeamServers&);
Result set_names(Invocation&, const TeamServers&);
Result set_password(Invocation&, const TeamServers&);
/// What Vault knows of somebody, for `user show`; `role` becomes the one that it has.
Json view(Invocation&, const TeamServers&, std::string_view name, std::string& role);
}  // namespace people

}  // namespace ymgr::cli
