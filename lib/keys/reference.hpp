// How the database and JSON name a key: "sealed:NAME", "file:PATH", "transit:NAME".
#pragma once
#include <string>
#include <string_view>

namespace ymgr {

/// What stands behind `prefix`. @throws Error key-not-found: a reference of another store, or of nothing
std::string name_in(std::string_view reference, std::string_view prefix);

}  // namespace ymgr
