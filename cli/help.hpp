// Help texts, made from the command table.
#pragma once
#include <string>
#include <string_view>

#include "cli/command.hpp"

namespace ymgr::cli {

/// "ymgr issue [OPTIONS] NAME...".
std::string usage_line(const Command&);
/// "-n, --dry-run", "    --out DIR".
std::string option_label(const Option&);
/// @param path  "" (all commands), a group, or a command. @throws Error usage with the nearest name
std::string help_text(std::string_view path);

}  // namespace ymgr::cli
