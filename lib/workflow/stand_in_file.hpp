// The file of a stand-in: what noting, working and delivering have in common.
#pragma once
#include <memory>
#include <string>

#include "sql/connection.hpp"

namespace ymgr::stand_in {

namespace setting {
inline constexpr std::string_view id = "stand_in.id", entity = "stand_in.entity", user = "stand_in.user",
                                  role = "stand_in.role", noted_at = "stand_in.noted_at";
}

/// Of our own, and nobody else's; an older program's schema is brought up to date.
/// @throws Error file-unsafe, database-corrupt: no database of ours
std::unique_ptr<sql::Connection> open_file(const std::string& path);
/// Something happened in it.
bool has_news(sql::Connection&);
/// With what SQLite keeps beside it. Missing: fine.
void remove_database(const std::string& path);
/// @throws Error database-corrupt
[[noreturn]] void refuse(const std::string& path, const std::string& why);

}  // namespace ymgr::stand_in
