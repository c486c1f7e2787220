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
  virtual bool is_null(int column) const = 0;            // columns from 0
  virtual std::int64_t integer(int column) const = 0;    // NULL: 0
  virtual std::string_view text(int column) const = 0;   // NULL: empty
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
  /// @throws Error database-busy, disk-unusable, database-corrupt, database-failed (constraint: detail "constraint")
  virtual std::int64_t run(std::string_view text, std::span<const Value> params, const Each& each = {}) = 0;
  /// SQLite: one prepared INSERT; PostgreSQL: INSERT .. SELECT FROM unnest($1::bigint[], $2::text[]), 1,000 rows a time.
  virtual void insert_many(std::string_view table, std::span<const std::string_view> columns, const NextRow& next) = 0;
  /// `body` may run five times (40001, 40P01, SQLITE_BUSY): SQL only. Nested calls join the outer transaction.
  /// An exception rolls back and goes on.
  virtual void transaction(Access, const std::function<void()>& body) = 0;

  std::int64_t run(std::string_view text, std::initializer_list<Value> params, const Each& each = {}) {
    return run(text, std::span<const Value>(params.begin(), params.size()), each);
  }
};

/// True when `error` is a violated UNIQUE or PRIMARY KEY constraint.
bool is_unique_violation(const std::exception& error) noexcept;

struct SqliteSettings {
  std::string path;
  bool create = false;      // else a missing file is profile-missing
  bool read_only = false;
  int busy_milliseconds = 30'000;
};
/// WAL, synchronous FULL, foreign_keys, trusted_schema off, mmap off; the file is 0600; registers sha256(). Does not migrate.
/// @throws Error profile-missing, database-busy, database-corrupt, disk-unusable, database-failed
std::unique_ptr<Connection> open_sqlite(const SqliteSettings&);
/// Copies the whole database into a new file with SQLite's backup interface, consistent while others write.
void backup_sqlite(const std::string& from, const std::string& to);

/// Brings the schema to this program's version, one transaction a step, checksummed in `schema_migrations`. A no-op costs
/// one query. @throws Error database-newer
void migrate(Connection&);
/// The version this program knows.
int schema_version() noexcept;
/// What the database has; 0: nothing. @throws Error database-newer when its min_client is above schema_version()
int check_schema(Connection&);

}  // namespace ymgr::sql
