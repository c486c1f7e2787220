// The file that holds a session's secret: four lines, and nothing that can be found anywhere else.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "base/secret.hpp"

namespace ymgr {

struct SessionFile {
  std::string session_id;  // 32 lower-case hex digits
  Secret secret;           // 32 bytes
  std::string profile_id;  // 1 to 64 of [A-Za-z0-9._-], no dot first
};

bool is_profile_id(std::string_view text) noexcept;
Secret format_session_file(const SessionFile&);
/// nullopt: not a session file.
std::optional<SessionFile> parse_session_file(std::string_view text);

}  // namespace ymgr
