#include <sqlite3.h>

#include <chrono>

#include "base/failpoint.hpp"
#include "sql/nesting.hpp"
#include "sql/sqlite.hpp"

namespace ymgr::sql {
namespace {

constexpr int most_attempts = 5;

class SqliteRow final : public Row {
 public:
  explicit SqliteRow(sqlite3_stmt* statement) noexcept : statement_(statement) {}
  bool is_null(int column) const override { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }
  std::int64_t integer(int column) const override { return sqlite3_column_int64(statement_, column); }
  std::string_view text(int column) const override {
    const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    if (data == nullptr) return {};
    return {data, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
  }

 private:
  sqlite3_stmt* statement_;
};

/// Leaves a statement idle and without borrowed texts, however its rows end.
class Execution {
 public:
  explicit Execution(sqlite3_stmt* statement) noexcept : statement_(statement) {}
  ~Execution() {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
  }
  Execution(const Execution&) = delete;
  Execution& operator=(const Execution&) = delete;

 private:
  sqlite3_stmt* statement_;
};

int bind(sqlite3_stmt* statement, int place, const Value& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return sqlite3_bind_int64(statement, place, *integer);
  const auto* text = std::get_if<std::string_view>(&value);
  if (text == nullptr) return sqlite3_bind_null(statement, place);
  // A null pointer would bind NULL.
  return sqlite3_bind_text64(statement, place, text->empty() ? "" : text->data(), text->size(), SQLITE_STATIC,
                             SQLITE_UTF8);
}

bool has_nul(const Value& value) noexcept {
  const auto* text = std::get_if<std::string_view>(&value);
  return text != nullptr && text->find('\0') != std::string_view::npos;
}

std::string insert_text(std::string_view table, std::span<const std::string_view> columns) {
  std::string names, places;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const char* comma = i == 0 ? "" : ", ";
    names.append(comma).append(columns[i]);
    places.append(comma).append("$").append(std::to_string(i + 1));
  }
  return "INSERT INTO " + std::string(table) + " (" + names + ") VALUES (" + places + ")";
}

std::string update_text(std::string_view table, std::span<const std::string_view> columns, std::size_t keys) {
  std::string set, where;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    std::string& part = i < keys ? where : set;
    part.append(part.empty() ? "" : i < keys ? " AND " : ", ").append(columns[i]);
    part.append(" = $").append(std::to_string(i + 1));
  }
  return "UPDATE " + std::string(table) + " SET " + set + " WHERE " + where;
}

class SqliteConnection final : public Connection {
 public:
  explicit SqliteConnection(const SqliteSettings& settings)
      : settings_(settings), db_(open_handle(settings_)), statements_(db_.get(), settings_.path) {}

  Dialect dialect() const noexcept override { return Dialect::sqlite; }

  std::int64_t run(std::string_view text, std::span<const Value> params, const Each& each) override {
    Prepared spare;
    const Prepared& prepared = statements_.get(text, spare);
    sqlite3_stmt* statement = prepared.handle.get();
    const Execution execution(statement);
    bind_all(prepared, text, params);
    const auto changed_before = sqlite3_total_changes64(db_.get());
    const SqliteRow row(statement);
    int result = sqlite3_step(statement);
    for (; result == SQLITE_ROW; result = sqlite3_step(statement)) {
      if (each) each(row);
    }
    if (result != SQLITE_DONE) throw sqlite_error(db_.get(), result, settings_.path, text);
    // sqlite3_changes keeps the count of an earlier statement when this one counts nothing.
    const bool counts = sqlite3_stmt_readonly(statement) == 0 && sqlite3_total_changes64(db_.get()) != changed_before;
    return counts ? sqlite3_changes64(db_.get()) : 0;
  }

  void later(std::string_view text, std::span<const Value> params) override { run(text, params, {}); }

  void insert_later(std::string_view table, std::span<const std::string_view> columns,
                    std::span<const Value> row) override {
    run(insert_text(table, columns), row, {});
  }

  void insert_many(std::string_view table, std::span<const std::string_view> columns, const NextRow& next) override {
    run_many(insert_text(table, columns), columns.size(), next);
  }

  void update_many(std::string_view table, std::span<const std::string_view> columns, std::size_t keys,
                   const NextRow& next) override {
    run_many(update_text(table, columns, keys), columns.size(), next);
  }

  void transaction(Access access, const std::function<void()>& body) override {
    if (nesting_.inside) return nesting_.join(access, body);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(settings_.busy_milliseconds);
    for (int attempt = 1;; ++attempt) {
      try {
        return run_transaction(access, body);
      } catch (const Error& error) {
        const bool again = error.code() == Code::database_busy && attempt < most_attempts;
        if (!again || std::chrono::steady_clock::now() >= deadline) throw;
      }
    }
  }

  void run_script(std::string_view text) override { execute(std::string(text).c_str()); }

 private:
  /// Ends the transaction however the body ends.
  class Scope {
   public:
    Scope(SqliteConnection& connection, Access access) : connection_(connection) {
      connection_.execute(access == Access::write ? "BEGIN IMMEDIATE" : "BEGIN");
      connection_.nesting_.begin(access);
    }
    ~Scope() {
      connection_.nesting_.inside = false;
      if (sqlite3_get_autocommit(connection_.db_.get()) == 0)
        sqlite3_exec(connection_.db_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
    }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    SqliteConnection& connection_;
  };

  void run_many(const std::string& text, std::size_t columns, const NextRow& next) {
    std::vector<Value> row(columns);
    transaction(Access::write, [&] {
      while (next(row)) run(text, row, {});
    });
  }

  void run_transaction(Access access, const std::function<void()>& body) {
    {
      const Scope scope(*this, access);
      body();
      nesting_.require_sound();
      if (access == Access::write) failpoint("commit", "before");
      commit();
    }
    if (access == Access::write) failpoint("commit", "after");
  }

  void commit() {
    const int result = sqlite3_exec(db_.get(), "COMMIT", nullptr, nullptr, nullptr);
    if (result == SQLITE_OK) return;
    const auto error = sqlite_error(db_.get(), result, settings_.path);
    if ((result & 0xff) != SQLITE_IOERR) throw Error(error);
    // The frames may be on disk with their commit mark although the sync failed.
    throw Error(error.code(), error.what(), error.hint(), error.details(), Outcome::unknown);
  }

  void bind_all(const Prepared& prepared, std::string_view text, std::span<const Value> params) {
    if (prepared.places.size() != params.size())
      throw Error(Code::internal, "statement takes " + std::to_string(prepared.places.size()) + " parameters, not " +
                                      std::to_string(params.size()) + ": " + std::string(text));
    for (std::size_t i = 0; i < params.size(); ++i) {
      if (has_nul(params[i])) throw Error(Code::database_failed, "a text with a NUL character can't be stored");
      const int result = bind(prepared.handle.get(), prepared.places[i], params[i]);
      if (result != SQLITE_OK) throw sqlite_error(db_.get(), result, settings_.path, text);
    }
  }

  void execute(const char* text) {
    const int result = sqlite3_exec(db_.get(), text, nullptr, nullptr, nullptr);
    if (result != SQLITE_OK) throw sqlite_error(db_.get(), result, settings_.path, text);
  }

  SqliteSettings settings_;
  DatabaseHandle db_;
  StatementCache statements_;
  Nesting nesting_;
};

}  // namespace

std::unique_ptr<Connection> open_sqlite(const SqliteSettings& settings) {
  return std::make_unique<SqliteConnection>(settings);
}

}  // namespace ymgr::sql
