// Named values of a profile.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "sql/connection.hpp"

namespace ymgr::sql {

/// nullopt: never written.
std::optional<std::string> read_setting(Connection&, std::string_view name);
/// Joins the caller's transaction.
void write_setting(Connection&, std::string_view name, std::string_view value, Time at = now());
/// Joins the caller's transaction; harmless when it is not there.
void remove_setting(Connection&, std::string_view name);

}  // namespace ymgr::sql
