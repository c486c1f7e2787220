#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "base/crypto.hpp"
#include "base/files.hpp"
#include "sql/sqlite.hpp"

namespace ymgr::sql {
namespace {

/// sha256(text): lower-case hex of its UTF-8 bytes; the audit trigger calls it.
void sha256_function(sqlite3_context* context, int, sqlite3_value** arguments) {
  if (sqlite3_value_type(arguments[0]) == SQLITE_NULL) return;
  const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(arguments[0]));
  if (text == nullptr) return sqlite3_result_error_nomem(context);
  const auto digest = hex(sha256({text, static_cast<std::size_t>(sqlite3_value_bytes(arguments[0]))}));
  sqlite3_result_text(context, digest.data(), static_cast<int>(digest.size()), SQLITE_TRANSIENT);
}

/// SQLite would create the file with the umask's mode; the journal files take theirs from it.
void create_private(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd && errno != EEXIST) throw system_error("create", path, errno);
}

void require_there(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) throw Error(Code::profile_missing, "there is no database " + path);
    throw system_error("open", path, errno);
  }
  // SQLite takes an empty file for a new database: everything would seem to be gone.
  if (status.st_size == 0) throw Error(Code::database_corrupt, "database " + path + ": the file is empty");
}

void check(sqlite3* db, int result, const std::string& path) {
  if (result != SQLITE_OK) throw sqlite_error(db, result, path);
}

void execute(sqlite3* db, const char* text, const std::string& path) {
  check(db, sqlite3_exec(db, text, nullptr, nullptr, nullptr), path);
}

/// SQLite's own handler sleeps up to 100 ms at a time; transactions here take a few, and many processes may wait.
int wait_for_lock(void* settings, int tries) {
  constexpr int milliseconds_a_try = 2;
  if (tries * milliseconds_a_try >= static_cast<const SqliteSettings*>(settings)->busy_milliseconds) return 0;
  sqlite3_sleep(milliseconds_a_try);
  return 1;
}

/// Going over to WAL needs the file for itself and does not call the busy handler.
void enter_wal(sqlite3* db, const SqliteSettings& settings) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(settings.busy_milliseconds);
  for (;;) {
    const int result = sqlite3_exec(db, "PRAGMA journal_mode=WAL", nullptr, nullptr, nullptr);
    if (result == SQLITE_OK) return;
    if ((result & 0xff) != SQLITE_BUSY || std::chrono::steady_clock::now() > deadline)
      throw sqlite_error(db, result, settings.path);
    sqlite3_sleep(2);
  }
}

void configure(sqlite3* db, const SqliteSettings& settings) {
  const auto& path = settings.path;
  check(db, sqlite3_extended_result_codes(db, 1), path);
  check(db, sqlite3_busy_handler(db, wait_for_lock, const_cast<SqliteSettings*>(&settings)), path);
  for (const auto& [option, value] : {std::pair(SQLITE_DBCONFIG_ENABLE_FKEY, 1),
                                      {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
                                      {SQLITE_DBCONFIG_DEFENSIVE, 1},
                                      {SQLITE_DBCONFIG_DQS_DDL, 0},
                                      {SQLITE_DBCONFIG_DQS_DML, 0},
                                      {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0}})
    check(db, sqlite3_db_config(db, option, value, nullptr), path);
  check(db,
        sqlite3_create_function_v2(db, "sha256", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, nullptr,
                                   sha256_function, nullptr, nullptr, nullptr),
        path);
  if (!settings.read_only) enter_wal(db, settings);
  // A bulk rewrites the same index pages again and again: a longer log writes each of them back once.
  // The cache holds what one group of a bulk touches.
  execute(db,
          "PRAGMA wal_autocheckpoint=4000; PRAGMA cache_size=-8192; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON; "
          "PRAGMA cell_size_check=ON; PRAGMA mmap_size=0",
          path);
  // PostgreSQL's LIKE heeds case; and only so can SQLite search an index by a prefix. Without recursive triggers INSERT OR
  // REPLACE deletes rows past the triggers that forbid it.
  execute(db, "PRAGMA case_sensitive_like=ON; PRAGMA recursive_triggers=ON", path);
}

/// What a statement would have to undo stays in memory: as a temporary file it would be most of what a bulk writes.
void keep_statement_journals_in_memory() {
  [[maybe_unused]] static const int once = sqlite3_config(SQLITE_CONFIG_STMTJRNL_SPILL, -1);  // before the first open
}

}  // namespace

DatabaseHandle open_handle(const SqliteSettings& settings) {
  keep_statement_journals_in_memory();
  if (settings.create)
    create_private(settings.path);
  else
    require_there(settings.path);
  // Debian's SQLite reads "file:..." as a URI.
  const auto path = settings.path.starts_with('/') ? settings.path : "./" + settings.path;
  const int flags = (settings.read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE) | SQLITE_OPEN_NOMUTEX;
  sqlite3* raw = nullptr;
  const int result = sqlite3_open_v2(path.c_str(), &raw, flags, nullptr);
  DatabaseHandle db(raw);
  if (raw == nullptr) throw Error(Code::system_error, "open " + settings.path + ": out of memory");
  check(raw, result, settings.path);
  // Without write permission SQLite quietly opens for reading.
  if (!settings.read_only && sqlite3_db_readonly(raw, "main") == 1)
    throw Error(Code::disk_unusable, "database " + settings.path + " is read-only");
  configure(raw, settings);
  return db;
}

void backup_sqlite(const std::string& from, const std::string& to) {
  const SqliteSettings settings{.path = from, .read_only = true};
  const auto source = open_handle(settings);
  if (const Fd fd(::open(to.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)); !fd)
    throw errno == EEXIST ? Error(Code::file_exists, "create " + to + ": the file exists")
                          : system_error("create", to, errno);
  try {
    sqlite3* raw = nullptr;
    const auto path = to.starts_with('/') ? to : "./" + to;
    const int opened = sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
    const DatabaseHandle target(raw);
    check(raw, opened, to);
    sqlite3_backup* backup = sqlite3_backup_init(raw, "main", source.get(), "main");
    if (backup == nullptr) throw sqlite_error(raw, to);
    sqlite3_backup_step(backup, -1);
    check(raw, sqlite3_backup_finish(backup), to);
  } catch (...) {
    remove_file(to);
    throw;
  }
}

}  // namespace ymgr::sql
