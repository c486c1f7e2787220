// Members of answers that may have no value.
#pragma once
#include <optional>
#include <string_view>

#include "base/clock.hpp"
#include "base/json.hpp"

namespace ymgr::cli {

inline Json or_null(std::string_view text) {
  return text.empty() ? Json() : Json(text);
}
inline Json or_null(const std::optional<Time>& at) {
  return at ? Json(format_time(*at)) : Json();
}

}  // namespace ymgr::cli
