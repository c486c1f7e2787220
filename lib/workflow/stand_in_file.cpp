#include "workflow/stand_in_file.hpp"

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"

namespace ymgr::stand_in {

std::unique_ptr<sql::Connection> open_file(const std::string& path) {
  require_private(path, 0600, "what was noted for bad days");
  try {
    auto db = sql::open_sqlite({.path = path});
    sql::migrate(*db);
    return db;
  } catch (const Error& error) {
    if (error.code() != Code::database_corrupt && error.code() != Code::database_failed) throw;
    refuse(path, error.what());
  }
}

bool has_news(sql::Connection& db) {
  bool found = false;
  db.run("SELECT 1 FROM audit_events UNION SELECT 1 FROM operations LIMIT 1", {},
         [&](const sql::Row&) { found = true; });
  return found;
}

void remove_database(const std::string& path) {
  for (const std::string_view suffix : {"-wal", "-shm", "-journal", ""}) remove_file(path + std::string(suffix));
}

void refuse(const std::string& path, const std::string& why) {
  throw Error(Code::database_corrupt, path + ", made while the database was away, is not as ymgr left it: " + why,
              "move " + shell_quote(path) + " away and look who changed it; ymgr reconcile finds what the CA signed");
}

}  // namespace ymgr::stand_in
