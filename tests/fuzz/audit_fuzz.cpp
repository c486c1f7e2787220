// A checkpoint in the first line, an exported audit trail behind it.
#include <cstdint>
#include <string_view>

#include "audit/audit.hpp"
#include "base/error.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ymgr;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto line = text.substr(0, text.find('\n'));
  try {
    const auto checkpoint = audit::parse_checkpoint(line);
    static_cast<void>(audit::to_json(checkpoint));
    const auto result = audit::verify_export(text.substr(line.size()), checkpoint);
    if (result.signed_rows + result.unsigned_rows != result.rows) __builtin_trap();
  } catch (const Error&) {
    // The only way out for bad input.
  }
  return 0;
}
