#include "sql/settings.hpp"

namespace ymgr::sql {

std::optional<std::string> read_setting(Connection& db, std::string_view name) {
  std::optional<std::string> value;
  db.run("SELECT value FROM settings WHERE name = $1", {name}, [&](const Row& row) { value = row.text(0); });
  return value;
}

void write_setting(Connection& db, std::string_view name, std::string_view value, Time at) {
  db.run(
      "INSERT INTO settings (name, value, updated_at) VALUES ($1, $2, $3) "
      "ON CONFLICT (name) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at",
      {name, value, to_micros(at)});
}

void remove_setting(Connection& db, std::string_view name) {
  db.run("DELETE FROM settings WHERE name = $1", {name});
}

}  // namespace ymgr::sql
