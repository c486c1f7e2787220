// The process environment, read in cli/ alone.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ymgr::cli {

/// nullopt: unset or empty.
std::optional<std::string> environment(std::string_view name);
/// HOME, else the folder in the password database. @throws Error config-invalid: neither
std::string home_folder();
/// XDG_CONFIG_HOME or ~/.config; XDG_DATA_HOME or ~/.local/share. Relative values are ignored, as XDG says.
std::string xdg_folder(std::string_view variable, std::string_view fallback);

/// "NAME=VALUE" for programs that are not ours: without what is ours alone, tokens and settings of ymgr and of its back ends.
std::vector<std::string> environment_for_others();

}  // namespace ymgr::cli
