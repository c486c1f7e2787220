#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "session/session_file.hpp"

/// What is read as a session file is written as the same session file.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto file = ymgr::parse_session_file(text);
  if (!file) return 0;
  const ymgr::Secret again = ymgr::format_session_file(*file);
  const auto whole = again.reveal();
  if (text != whole && text != whole.substr(0, whole.size() - 1)) std::abort();
  return 0;
}
