// One SQL for two databases.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace ymgr::sql {

enum class Dialect { sqlite, postgres };
enum class Access { read, write };
using Value = std::variant<std::monostate, std::int64_t, std::string_view>;  // NULL, BIGINT (times: epoch µs), TEXT

/// One result row, valid during the call of Each.
class Row {
 public:
  virtual ~Row() = default;
  virtual bool is_null(int column) const = 0;           // columns from 0
  virtual std::int64_t integer(int column) const = 0;   // NULL: 0
  virtual std::string_view text(int column) const = 0;  // NULL: empty
};
using Each = std::function<void(const Row&)>;
/// Fills the next row of insert_many (as many values as columns); false: no more. Texts must live until the next call.
using NextRow = std::function<bool(std::span<Value>)>;

/// A connection. Belongs to one thread, the command's own; workers never see it.
class Connection {
 public:
  virtual ~Connection() = default;
  virtual Dialect dialect() const noexcept = 0;  // asked by sql/statements.cpp only
  /// `$n` is bound by number. Statements are prepared once and kept by their text. Returns rows changed; SELECT: 0.
  /// Every `$1` to `$n` is given, none more. A statement may be run again inside its own rows.
  /// @throws Error database-busy, disk-unusable, database-corrupt, database-failed (a violated constraint has details
  /// "constraint": unique, foreign, check or other, and "table"; a text with NUL)
  virtual std::int64_t run(std::string_view text, std::span<const Value> params, const Each& each = {}) = 0;
  /// SQLite: one prepared INSERT; PostgreSQL: INSERT .. SELECT FROM unnest($1::bigint[], $2::text[]), 1,000 rows a time.
  virtual void insert_many(std::string_view table, std::span<const std::string_view> columns, const NextRow& next) = 0;
  /// `body` may run five times (40001, 40P01, SQLITE_BUSY): SQL only. Nested calls join the outer transaction, which must
  /// allow writing if they do. An exception rolls everything back and goes on; an outer body that catches one of an inner
  /// body can't commit any more. Failpoints "commit" stand around the COMMIT of write transactions.
  /// @throws Error what `run` throws; disk-unusable with outcome unknown when the answer to COMMIT is an I/O error
  virtual void transaction(Access, const std::function<void()>& body) = 0;
  /// Several statements without parameters, for migrations. Inside the caller's transaction.
  virtual void run_script(std::string_view text) = 0;

  std::int64_t run(std::string_view text, std::initializer_list<Value> params, const Each& each = {}) {
    return run(text, std::span<const Value>(params.begin(), params.size()), each);
  }
};

/// True when `error` is a violated UNIQUE or PRIMARY KEY constraint.
bool is_unique_violation(const std::exception& error) noexcept;

struct SqliteSettings {
  std::string path;
  bool create = false;     // else a missing file is profile-missing, an empty one database-corrupt
  bool read_only = false;  // writing is disk-unusable; the folder must still be ours: WAL needs its index file
  int busy_milliseconds = 30'000;
};
/// WAL, synchronous FULL, foreign_keys, trusted_schema off, mmap off; the file is 0600; registers sha256(). Does not migrate.
/// @throws Error profile-missing, database-busy, database-corrupt, disk-unusable, database-failed
std::unique_ptr<Connection> open_sqlite(const SqliteSettings&);
/// Copies the whole database into a new file (0600) with SQLite's backup interface, consistent while others write.
/// @throws Error file-exists, and what open_sqlite throws; a half-made copy is removed
void backup_sqlite(const std::string& from, const std::string& to);

/// Brings the schema to this program's version, one transaction a step, checksummed in `schema_migrations`. A no-op costs
/// two small queries. Several processes may do it at once. @throws Error database-newer; database-failed: a migration was
/// applied in another form than this program has it
void migrate(Connection&);
/// The version this program knows.
int schema_version() noexcept;
/// What the database has; 0: nothing. @throws Error database-newer when its min_client is above schema_version()
int check_schema(Connection&);

}  // namespace ymgr::sql
