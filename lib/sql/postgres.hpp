// What the PostgreSQL adapter's files share; nobody outside this folder includes it.
#pragma once
#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.hpp"
#include "sql/connection.hpp"

struct pg_conn;
struct pg_result;

namespace ymgr::sql {

struct FinishSession {
  void operator()(pg_conn* connection) const noexcept;
};
struct ClearResult {
  void operator()(pg_result* result) const noexcept;
};
using SessionHandle = std::unique_ptr<pg_conn, FinishSession>;
using ResultHandle = std::unique_ptr<pg_result, ClearResult>;

/// A number, a numeric's whole part, or a boolean (1); NULL: 0.
std::int64_t integer_at(const pg_result* result, int row, int column) noexcept;
/// Each row of a result; `each` may be empty.
void give_rows(const pg_result* result, const Each& each);
/// Of INSERT, UPDATE and DELETE; 0 of what only reads.
std::int64_t rows_changed(pg_result* result);
/// The code for an SQLSTATE.
Code code_of_state(std::string_view state) noexcept;
/// The Error for a refused `statement`: details "sqlstate"; constraints: "constraint", "table"; a missing privilege:
/// "privilege", "table". `where` names the database.
Error postgres_error(const pg_result* result, std::string_view where, std::string_view statement = {});
/// The Error for a login that failed, by libpq's message in its most verbose form.
Error login_error(std::string_view message, std::string_view where, const PostgresSettings& settings);
/// The session is gone.
Error lost_error(std::string_view message, std::string_view where);

/// Values for $1 to $n in PostgreSQL's binary form. Texts are borrowed.
class Parameters {
 public:
  using Type = unsigned;
  static constexpr Type unknown = 0, bigint = 20, text = 25, bigints = 1016, texts = 1009;

  Parameters() = default;
  /// @throws Error database-failed: a text with NUL
  explicit Parameters(std::span<const Value> values);
  /// Takes an array in its binary form.
  void add_array(Type type, std::string bytes);
  const std::vector<Type>& types() const noexcept { return types_; }
  int count() const noexcept { return static_cast<int>(types_.size()); }
  const char* const* values() const noexcept { return values_.data(); }
  const int* lengths() const noexcept { return lengths_.data(); }
  const int* formats() const noexcept { return formats_.data(); }

 private:
  void add(Type type, const char* value, std::size_t length);

  std::vector<Type> types_;
  std::vector<const char*> values_;
  std::vector<int> lengths_, formats_;
  std::deque<std::array<char, 8>> integers_;
  std::deque<std::string> arrays_;
};

/// Rows of a table, up to 1,000 of them: one array a column.
class RowBlock {
 public:
  explicit RowBlock(std::size_t columns) : columns_(columns) {}
  /// Empty: there are no more rows.
  static RowBlock take(std::size_t columns, const NextRow& next);
  void add(std::span<const Value> row);
  bool empty() const noexcept { return rows_ == 0; }
  bool full() const noexcept;
  std::string insert(std::string_view table, std::span<const std::string_view> columns) const;
  /// The first `keys` of the columns say which row gets the others.
  std::string update(std::string_view table, std::span<const std::string_view> columns, std::size_t keys) const;
  Parameters parameters() const;

 private:
  struct Column {
    Parameters::Type type = Parameters::unknown;  // of the elements; unknown: all are NULL
    bool has_null = false;
    std::string elements;
  };
  /// Of a column, or NULL; and "unnest($1::bigint[], …) AS u(c1, …)".
  struct Source {
    std::vector<std::string> values;
    std::string rows;
  };
  static void add(Column& column, const Value& value);
  Source source() const;

  std::size_t rows_ = 0;
  std::vector<Column> columns_;
};

class Answer;

/// One session with a server. Requests are queued, go out together, and are answered in their order.
class Link {
 public:
  /// @throws Error what open_postgres throws
  explicit Link(const PostgresSettings& settings);
  /// A further session with one host, as it comes, whose answers are waited for so long.
  Link(const PostgresSettings& settings, const std::string& host, const std::string& port, int answer_milliseconds);
  bool lost() const noexcept { return lost_; }
  /// What the login announced; a pooler makes a number up.
  int announced_process() const noexcept;
  bool standby() const noexcept { return standby_; }
  void* tls_session() const noexcept;
  std::int64_t server_process() const noexcept { return server_process_; }
  const std::string& timeline() const noexcept { return timeline_; }  // changes when a standby takes over
  const std::string& where() const noexcept { return where_; }        // "DATABASE on HOST"

  void queue(const char* text, const Parameters& parameters = {});
  void queue_prepare(const char* name, const std::string& text, const std::vector<Parameters::Type>& types);
  void queue_prepared(const char* name, const Parameters& parameters);
  /// Sends what is queued.
  void send();
  /// The next command's only result. @throws Error when it failed; the rest of the batch is gone then
  ResultHandle take(std::string_view statement = {});
  /// The command that is answered next gives a result for each row, and an empty one at the end.
  void row_by_row() noexcept;
  /// The next result of the batch's last command; null: the batch is through.
  ResultHandle take_row(std::string_view statement);
  /// Reads to the end of the batch and forgets what comes.
  void skip() noexcept;
  /// Several statements at once, as they stand.
  void script(const std::string& text);

 private:
  friend class Answer;
  class Patience;
  using Deadline = std::chrono::steady_clock::time_point;

  void open(const PostgresSettings& settings, const std::string& host, const std::string& port);
  void set_up(const PostgresSettings& settings);
  ResultHandle next();
  void require(bool queued);
  void wait();
  void wait_for_socket(bool writing, Deadline deadline);
  [[noreturn]] void fail(const pg_result* result, std::string_view statement);

  SessionHandle session_;
  std::string where_, timeline_;
  int answer_milliseconds_;
  std::int64_t server_process_ = 0;
  int commands_ = 0;  // queued or sent, and not yet answered
  bool open_ = false, lost_ = false, standby_ = false;
  Answer* reading_ = nullptr;
};

/// The rows of a batch's last command. They stay in the server's stream until another request wants the session.
class Answer {
 public:
  Answer(Link& link, std::string_view statement) : link_(link), statement_(statement) {
    link_.reading_ = this;
    link_.row_by_row();
  }
  ~Answer();
  Answer(const Answer&) = delete;
  Answer& operator=(const Answer&) = delete;
  /// Null: that was all.
  ResultHandle next();
  /// Makes way for another request.
  static void make_way(Link& link);

 private:
  void keep();

  Link& link_;
  std::string_view statement_;
  std::deque<ResultHandle> kept_;
};

/// A session's prepared statements by their text. All go when there are too many.
class PreparedStatements {
 public:
  struct Entry {
    std::string name;
    std::vector<Parameters::Type> types;  // of $1 to $n
    bool ready = false;                   // the server has it
  };
  /// Queues what is missing and the statement itself; the number of commands before it.
  int queue(Link& link, const std::string& text, const Parameters& parameters);
  /// What was queued was answered well.
  void confirm() noexcept;
  /// What was queued and not confirmed may not have come through: it is prepared anew.
  void forget_unconfirmed() noexcept;

 private:
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  std::unordered_map<std::string, Entry, Hash, std::equal_to<>> entries_;
  std::vector<Entry*> unconfirmed_;
  std::uint64_t made_ = 0;
};

/// PgBouncer in transaction mode gives every transaction any session; ours needs its own. @throws Error pooler-unfit
void require_own_session(Link& link, const PostgresSettings& settings, const std::string& host,
                         const std::string& port);
Error pooler_error(const Link& link);
/// pg_backend_pid() of whoever answers.
std::int64_t process_of(Link& link);
/// One server, logged in, within settings.connect_seconds.
SessionHandle log_in(const PostgresSettings& settings, const std::string& host, const std::string& port);
/// Every host with its port. @throws Error config-invalid
std::vector<std::pair<std::string, std::string>> hosts_of(const PostgresSettings& settings);

}  // namespace ymgr::sql
