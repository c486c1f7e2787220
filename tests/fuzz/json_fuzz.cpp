// Whatever is read as JSON must come back the same from its own dump, in every layout.
#include <cstdint>
#include <cstdlib>

#include "base/error.hpp"
#include "base/json.hpp"

using namespace ymgr;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const Json json = parse_json({reinterpret_cast<const char*>(data), size});
    if (parse_json(dump_json(json)) != json || parse_json(dump_json_pretty(json)) != json) std::abort();
    if (canonical_json(parse_json(canonical_json(json))) != canonical_json(json)) std::abort();
  } catch (const Error& error) {
    if (error.code() != Code::json_invalid) std::abort();
  }
  return 0;
}
