#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.hpp"
#include "workflow/batch.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view word(reinterpret_cast<const char*>(data), size);
  try {
    const auto names = ymgr::expand_names(word);
    if (names.empty() || names.size() > ymgr::max_batch) std::abort();
    for (const auto& name : names) {
      if (name.find_first_of("{}") != std::string::npos) std::abort();
    }
  } catch (const ymgr::Error&) {
  }
  return 0;
}
