// The first byte chooses the format, the rest is the file.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.hpp"
#include "workflow/batch.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  constexpr std::array<std::string_view, 5> files{"b.csv", "b.jsonl", "b.json", "b.yaml", "-"};
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  try {
    for (const auto& row : ymgr::parse_batch(text, files.at(data[0] % files.size()))) {
      if (row.line < 1 || (row.name.empty() && row.csr_file.empty())) std::abort();
    }
  } catch (const ymgr::Error&) {
  }
  return 0;
}
