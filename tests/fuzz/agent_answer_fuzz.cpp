// What ymgr reads of an agent, or of whoever sits on its socket: problem documents; and the file of its session.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "agent/client.hpp"
#include "session/agent_session.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const ymgr::Error error = ymgr::agent::error_from_problem(400, text);
  if (error.suggestion().empty()) __builtin_trap();
  if (const auto file = ymgr::parse_agent_file(text)) {
    if (!ymgr::parse_agent_file(ymgr::format_agent_file(*file).reveal())) __builtin_trap();
  }
  return 0;
}
