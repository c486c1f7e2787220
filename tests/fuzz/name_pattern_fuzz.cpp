// A pattern, a line feed, a name: what a pattern allows it also touches.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "policy/cabf.hpp"
#include "policy/names.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto end = text.find('\n');
  const auto pattern = ymgr::normal_pattern(text.substr(0, end));
  const auto name = ymgr::name_of_text(end == std::string_view::npos ? text : text.substr(end + 1));
  ymgr::cabf::is_internal_name(name.value);
  ymgr::cabf::reserved_network(name.value);
  ymgr::has_dot_segments(name.value);
  if (!pattern) return 0;
  if (ymgr::normal_pattern(*pattern) != pattern) std::abort();
  if (ymgr::pattern_allows(*pattern, name) && !ymgr::pattern_touches(*pattern, name)) std::abort();
  return 0;
}
