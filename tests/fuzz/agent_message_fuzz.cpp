// What something on the agent's socket answers about keys.
#include <cstdint>
#include <cstdlib>

#include "agent/messages.hpp"
#include "base/error.hpp"

using namespace ymgr;
using namespace ymgr::agent;

namespace {

/// What was read is written as a text that reads the same.
template <class Read>
void check(const Json& json, Read read) {
  try {
    const std::string text = dump_json(to_json(read(json)));
    if (dump_json(to_json(read(parse_json(text)))) != text) std::abort();
  } catch (const Error&) {
    // The only way out for bad input.
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const Json json = parse_json({reinterpret_cast<const char*>(data), size}, {.bytes = 64UL * 1024, .depth = 8});
    check(json, device_info_from);
    check(json, discovered_devices_from);
    check(json, slot_content_from);
  } catch (const Error&) {
    // Not JSON.
  }
  return 0;
}
