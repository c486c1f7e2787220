// Installation files of a host: what parses is written back and read again as the same.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.hpp"
#include "workflow/installation.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const auto place = ymgr::installation::parse(text, "install.d/web.yaml");
    if (ymgr::installation::parse(ymgr::installation::to_yaml(place), "again") != place) std::abort();
  } catch (const ymgr::Error&) {
  }
  return 0;
}
