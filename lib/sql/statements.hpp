// The few statements whose text differs between the databases, side by side.
#pragma once
#include <string_view>

#include "sql/connection.hpp"

namespace ymgr::sql {

/// One row when the table $1 is there.
std::string_view find_table(Dialect) noexcept;

}  // namespace ymgr::sql
