// Bytes to standard output and standard error.
#pragma once
#include <string_view>

namespace ymgr::cli {

/// All of it, to the end. @throws Error disk-unusable (full), system-error (closed pipe, closed descriptor)
void write_out(std::string_view text);
/// As much as goes; an error message that cannot be written is nobody's.
void write_error(std::string_view text) noexcept;

enum class When { automatic, always, never };
/// --color, then NO_COLOR, CLICOLOR_FORCE, then whether the descriptor is a terminal that can.
bool wants_color(int descriptor, When flag) noexcept;

}  // namespace ymgr::cli
