// What manual pages say beyond what the command table tells.
#pragma once
#include "cli/manual.hpp"

namespace ymgr::cli {

/// ymgr(1), between the description and the list of commands: what a day with ymgr looks like.
std::vector<ManualPage::Section> program_prose();
/// ymgr.yaml(5), after the keys.
std::vector<ManualPage::Section> config_prose();

}  // namespace ymgr::cli
