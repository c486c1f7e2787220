// One SQL for two databases.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "base/secret.hpp"

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
  /// Every `$1` to `$n` is given, none more. A statement may be run again inside its own rows. One that fails spoils the
  /// transaction around it on PostgreSQL: let it pass.
  /// @throws Error database-busy, disk-unusable, database-corrupt, database-failed (a violated constraint has details
  /// "constraint": unique, foreign, check or other, and "table"; a text with NUL); and PostgreSQL's, see open_postgres
  virtual std::int64_t run(std::string_view text, std::span<const Value> params, const Each& each = {}) = 0;
  /// The same for an INSERT, UPDATE or DELETE whose count and rows nobody wants. Inside a transaction PostgreSQL gets it with the next
  /// statement that is answered, or with the COMMIT, which then tell what was wrong with it: a hundred of them cost one journey.
  virtual void later(std::string_view text, std::span<const Value> params) = 0;
  /// The same for a row of a table that others will follow. Inside a transaction PostgreSQL gets the rows of a table together, and
  /// before any statement that is not such a row.
  virtual void insert_later(std::string_view table, std::span<const std::string_view> columns,
                            std::span<const Value> row) = 0;
  /// SQLite: one prepared INSERT; PostgreSQL: INSERT .. SELECT FROM unnest($1::bigint[], $2::text[]), 1,000 rows a time, sent as `later` does.
  virtual void insert_many(std::string_view table, std::span<const std::string_view> columns, const NextRow& next) = 0;
  /// The same with UPDATE: the first `keys` of the columns say which row gets the others.
  virtual void update_many(std::string_view table, std::span<const std::string_view> columns, std::size_t keys,
                           const NextRow& next) = 0;
  /// `body` may run five times (40001, 40P01, a lost connection, SQLITE_BUSY): SQL only. Writers follow one another on both
  /// databases: PostgreSQL's take one advisory lock first and then see what was committed before. Nested calls join the outer transaction, which must
  /// allow writing if they do. An exception rolls everything back and goes on; an outer body that catches one of an inner
  /// body can't commit any more. Failpoints "commit" stand around the COMMIT of write transactions.
  /// @throws Error what `run` throws, with outcome unknown: disk-unusable when the answer to COMMIT is an I/O error,
  /// database-unreachable when that answer got lost and PostgreSQL can't be asked what became of it
  virtual void transaction(Access, const std::function<void()>& body) = 0;
  /// Several statements without parameters, for migrations. Inside the caller's transaction.
  virtual void run_script(std::string_view text) = 0;
  /// OpenSSL's SSL of the channel that the last statement took, borrowed until the next; for x509/peer.hpp. nullptr: none.
  virtual void* tls_session() const noexcept { return nullptr; }

  std::int64_t run(std::string_view text, std::initializer_list<Value> params, const Each& each = {}) {
    return run(text, std::span<const Value>(params.begin(), params.size()), each);
  }
  void later(std::string_view text, std::initializer_list<Value> params) {
    later(text, std::span<const Value>(params.begin(), params.size()));
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

/// How to reach PostgreSQL. libpq's own environment variables count for nothing, but for PGSERVICE: it names a service whose
/// values stand behind all of these.
struct PostgresSettings {
  std::string
      host;  // a name or address, the folder of a Unix socket, or several with commas: the one that takes writes
  std::string port = "5432";  // one for all, or as many as hosts
  std::string database, user;
  Secret password;                         // empty: none is sent
  std::string tls_mode = "verify-full";    // libpq's sslmode; a Unix socket has no TLS
  std::string ca_file;                     // empty: the system's certificates
  std::string certificate_file, key_file;  // the client's, when the server asks for one
  std::string role;                        // taken on after the login (SET ROLE); empty: none
  std::string application_name = "ymgr";
  /// Another user and password, when the server refuses these: credentials that Vault makes end with their lease.
  std::function<void(PostgresSettings&)> new_credentials;
  int connect_seconds = 5;                     // for each host
  int reconnect_milliseconds = 30'000;         // how long a lost server is looked for: a restart, another primary
  int answer_milliseconds = 60'000;            // the longest wait for any answer
  int lock_milliseconds = 30'000;              // for another writer
  int idle_transaction_milliseconds = 30'000;  // the server's patience with us: we would block all writers
};
/// UTF-8, search_path ymgr alone, nothing printed. A server that restarts or changes over is looked for again between
/// transactions, and a transaction that it had begun is run again. Standbys answer SELECT. Does not migrate.
/// @throws Error database-unreachable (retryable), database-untrusted (TLS), database-refused (user, password),
/// database-missing, database-denied (details "privilege", "table"), database-read-only, database-busy (locks, deadlocks,
/// timeouts), disk-unusable, pooler-unfit (PgBouncer in transaction mode), library-missing
std::unique_ptr<Connection> open_postgres(PostgresSettings);

/// Brings the schema to this program's version, one transaction a step, checksummed in `schema_migrations`. A no-op costs
/// two small queries. Several processes may do it at once. @throws Error database-newer; database-failed: a migration was
/// applied in another form than this program has it
void migrate(Connection&);
/// The version this program knows.
int schema_version() noexcept;
/// What the database has; 0: nothing. @throws Error database-newer when its min_client is above schema_version()
int check_schema(Connection&);

}  // namespace ymgr::sql
