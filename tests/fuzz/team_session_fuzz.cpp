#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "session/session_vault.hpp"

/// What is read as the file of a team's session is written and read as the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto file = ymgr::parse_vault_session(text);
  if (!file) return 0;
  const ymgr::Secret written = ymgr::format_vault_session(*file);
  const auto again = ymgr::parse_vault_session(written.reveal());
  if (!again || ymgr::format_vault_session(*again).reveal() != written.reveal()) std::abort();
  return 0;
}
