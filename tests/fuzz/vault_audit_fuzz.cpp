// A file of Vault's audit device, in pieces of a size that the first byte chooses.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.hpp"
#include "base/text.hpp"
#include "vault/audit_log.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ymgr;
  if (size == 0) return 0;
  std::int64_t entries = 0;
  vault::AuditLogReader reader([&](const vault::AuditEntry& entry) {
    ++entries;
    if (printable(entry.path) != entry.path || printable(entry.display_name) != entry.display_name) __builtin_trap();
    if (entry.operation == "read") __builtin_trap();
  });
  std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t piece = data[0] + std::size_t{1};
  try {
    for (; !text.empty(); text.remove_prefix(std::min(piece, text.size()))) reader.add(text.substr(0, piece));
    const auto summary = reader.finish();
    if (entries + summary.damaged > summary.lines || summary.first_damaged > summary.lines) __builtin_trap();
    if (entries > 0 && !summary.first) __builtin_trap();
  } catch (const Error&) {
    __builtin_trap();  // what can't be read is counted
  }
  return 0;
}
