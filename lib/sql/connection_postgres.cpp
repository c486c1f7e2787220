#include <poll.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/failpoint.hpp"
#include "sql/libpq.hpp"
#include "sql/nesting.hpp"
#include "sql/postgres.hpp"

namespace ymgr::sql {
namespace {

constexpr int most_attempts = 5;
constexpr std::size_t most_waiting = 500;
using Clock = std::chrono::steady_clock;

/// The lock is that of the audit trigger, too: 'ymgr' in ASCII. Asked first, the number of the transaction is there when an
/// answer to COMMIT is not; and a pooler that changes sessions is caught here.
constexpr auto begin_writing =
    "SELECT pg_advisory_xact_lock(2037212018), pg_backend_pid(), CAST(pg_current_xact_id() AS text)";

bool only_reads(std::string_view statement) noexcept {
  return statement.starts_with("SELECT") || statement.starts_with("EXPLAIN") || statement.starts_with("SHOW");
}

bool has_state(const Error& error, std::string_view state) noexcept {
  const auto* found = error.detail("sqlstate");
  return found != nullptr && *found == state;
}

void sleep_milliseconds(int milliseconds) noexcept {
  ::poll(nullptr, 0, milliseconds);
}

/// A statement that is queued and not sent yet.
struct Waiting {
  int before;  // commands that were queued for it
  std::string text;
};

/// Rows of insert_later that are not queued yet.
struct Gathered {
  std::string table;
  std::vector<std::string> columns;
  RowBlock rows;
};

/// Gives its row once.
class OneRow {
 public:
  explicit OneRow(std::span<const Value> row) : row_(row) {}
  bool operator()(std::span<Value> into) {
    if (given_) return false;
    given_ = true;
    std::ranges::copy(row_, into.begin());
    return true;
  }

 private:
  std::span<const Value> row_;
  bool given_ = false;
};

struct Session {
  explicit Session(const PostgresSettings& settings) : link(settings) {}
  Link link;
  PreparedStatements statements;
  std::vector<Waiting> waiting{};
  std::vector<Gathered> gathered{};
};

class PostgresConnection final : public Connection {
 public:
  explicit PostgresConnection(PostgresSettings settings) : settings_(std::move(settings)) { log_in(); }

  Dialect dialect() const noexcept override { return Dialect::postgres; }

  std::int64_t run(std::string_view text, std::span<const Value> params, const Each& each) override {
    const Parameters parameters(params);
    if (nesting_.inside) return execute(std::string(text), parameters, each);
    if (only_reads(text)) return read(std::string(text), parameters, each);
    return write(std::string(text), parameters, each);
  }

  void later(std::string_view text, std::span<const Value> params) override {
    const Parameters parameters(params);
    if (nesting_.inside)
      queue(std::string(text), parameters);
    else
      write(std::string(text), parameters, {});
  }

  void insert_later(std::string_view table, std::span<const std::string_view> columns,
                    std::span<const Value> row) override {
    if (!nesting_.inside) return insert_many(table, columns, OneRow(row));
    auto& gathered = session_->gathered;
    const auto is_it = [&](const Gathered& one) {
      return one.table == table && std::ranges::equal(one.columns, columns);
    };
    auto found = std::ranges::find_if(gathered, is_it);
    if (found == gathered.end())
      found = gathered.insert(found, {std::string(table), {columns.begin(), columns.end()}, RowBlock(columns.size())});
    found->rows.add(row);
    if (found->rows.full()) queue_gathered();
  }

  void insert_many(std::string_view table, std::span<const std::string_view> columns, const NextRow& next) override {
    run_many(columns.size(), next, [&](const RowBlock& block) { return block.insert(table, columns); });
  }

  void update_many(std::string_view table, std::span<const std::string_view> columns, std::size_t keys,
                   const NextRow& next) override {
    run_many(columns.size(), next, [&](const RowBlock& block) { return block.update(table, columns, keys); });
  }

  void transaction(Access access, const std::function<void()>& body) override {
    if (nesting_.inside) return nesting_.join(access, body);
    attempt(access, access == Access::write ? Failpoints::on : Failpoints::off, body);
  }

  void* tls_session() const noexcept override { return session_ ? session_->link.tls_session() : nullptr; }

  void run_script(std::string_view text) override {
    if (!nesting_.inside) look_for_server();
    catch_up();
    Answer::make_way(link());
    // A migration takes the time that it takes.
    link().script(nesting_.inside ? "SET LOCAL statement_timeout = 0; " + std::string(text) : std::string(text));
  }

 private:
  enum class Failpoints { on, off };

  /// Ends the transaction however the body ends.
  class Scope {
   public:
    Scope(PostgresConnection& connection, Access access) : connection_(connection) {
      connection_.nesting_.begin(access);
      connection_.begun_ = connection_.undone_ = false;
      connection_.session_->gathered.clear();
    }
    ~Scope() {
      connection_.nesting_.inside = false;
      if (connection_.begun_) connection_.roll_back();
    }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    PostgresConnection& connection_;
  };

  /// While it lives, the session is needed for the rest of an answer.
  class Reading {
   public:
    explicit Reading(int& answers) : answers_(answers) { ++answers_; }
    ~Reading() { --answers_; }
    Reading(const Reading&) = delete;
    Reading& operator=(const Reading&) = delete;

   private:
    int& answers_;
  };

  Link& link() { return session_->link; }

  void run_many(std::size_t columns, const NextRow& next, const std::function<std::string(const RowBlock&)>& text_of) {
    const auto run_block = [&](const RowBlock& block) {
      queue(text_of(block), block.parameters());
      if (block.full()) catch_up();  // of many rows only so many are in memory
    };
    if (nesting_.inside) {
      for (auto block = RowBlock::take(columns, next); !block.empty(); block = RowBlock::take(columns, next))
        run_block(block);
      return;
    }
    // `next` can't be asked again when the transaction runs again.
    std::vector<RowBlock> blocks;
    for (auto block = RowBlock::take(columns, next); !block.empty(); block = RowBlock::take(columns, next))
      blocks.push_back(std::move(block));
    attempt(Access::write, Failpoints::off, [&] {
      for (const auto& block : blocks) run_block(block);
    });
  }

  void log_in() {
    session_.reset();
    try {
      session_ = std::make_unique<Session>(settings_);
    } catch (const Error& error) {
      if (error.code() != Code::database_refused || !settings_.new_credentials) throw;
      settings_.new_credentials(settings_);
      session_ = std::make_unique<Session>(settings_);
    }
  }

  /// After a loss: until a server is there again, or the time is up.
  void look_for_server() {
    if (session_ && !link().lost()) return;
    if (answers_ > 0) throw lost_error("", link().where());  // its rows are being read
    const auto deadline = time_is_up();
    for (int pause = 20;; pause = std::min(2 * pause, 500)) {
      try {
        return log_in();
      } catch (const Error& error) {
        if (error.code() != Code::database_unreachable || Clock::now() >= deadline) throw;
      }
      sleep_milliseconds(pause);
    }
  }

  /// Queues what opens the transaction; its answers come first in the batch.
  int queue_begin() {
    if (!nesting_.inside || begun_) return 0;
    if (nesting_.may_write && link().standby())
      throw Error(Code::database_read_only, "database " + link().where() + " is a standby and takes no writes", {},
                  {{"sqlstate", "25006"}});
    begun_ = true;
    if (!nesting_.may_write) {
      link().queue("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
      return 1;
    }
    link().queue("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE");
    link().queue(begin_writing);
    return 2;
  }

  void take_begin(int commands) {
    if (commands == 0) return;
    link().take();
    if (commands == 1) return;
    const auto row = link().take();
    transaction_id_ = libpq().value(row.get(), 0, 2);
    if (integer_at(row.get(), 0, 1) == link().server_process()) return;
    link().skip();
    throw pooler_error(link());
  }

  /// In the order in which the tables came.
  void queue_gathered() {
    for (const auto& one : std::exchange(session_->gathered, {}))
      queue(one.rows.insert(one.table, std::vector<std::string_view>(one.columns.begin(), one.columns.end())),
            one.rows.parameters());
  }

  /// Opens the transaction and has answered what waits.
  void catch_up() {
    if (session_->waiting.empty()) session_->statements.forget_unconfirmed();  // left by what failed
    queue_gathered();
    const int commands = queue_begin();
    if (commands == 0 && session_->waiting.empty()) return;
    link().send();
    take_begin(commands);
    take_waiting();
    link().skip();
    session_->statements.confirm();
  }

  /// Goes out with what comes next. What opens the transaction is answered first: it may wait long, and it tells the number that a lost
  /// COMMIT is asked for by.
  void queue(const std::string& text, const Parameters& parameters) {
    queue_gathered();
    if (!begun_ || session_->waiting.size() == most_waiting) catch_up();
    Answer::make_way(link());
    session_->waiting.push_back(prepare(text, parameters));
  }

  Waiting prepare(const std::string& text, const Parameters& parameters) {
    if (session_->waiting.empty()) session_->statements.forget_unconfirmed();
    const int before = session_->statements.queue(link(), text, parameters);
    return {before, text};
  }

  void take_waiting() {
    for (const auto& statement : std::exchange(session_->waiting, {})) {
      take_before(statement);
      link().take(statement.text);
    }
  }

  void take_before(const Waiting& statement) {
    for (int i = 0; i < statement.before; ++i) link().take(statement.text);
  }

  /// In one journey: what opens the transaction, what waits, the preparation, the statement.
  void request(const std::string& text, const Parameters& parameters) {
    queue_gathered();
    Answer::make_way(link());
    const int opening = queue_begin();
    const Waiting statement = prepare(text, parameters);
    link().send();
    take_begin(opening);
    take_waiting();
    take_before(statement);
    session_->statements.confirm();
  }

  std::int64_t execute(const std::string& text, const Parameters& parameters, const Each& each) {
    request(text, parameters);
    Answer answer(link(), text);
    const Reading reading(answers_);
    std::int64_t changed = 0;
    while (const auto result = answer.next()) {
      changed = rows_changed(result.get());
      give_rows(result.get(), each);
    }
    return changed;
  }

  /// Outside of a transaction. Once more when the session turns out to be gone before the first row.
  std::int64_t read(const std::string& text, const Parameters& parameters, const Each& each) {
    bool answered = false;
    const Each note = [&](const Row& row) {
      answered = true;
      if (each) each(row);
    };
    look_for_server();
    try {
      return execute(text, parameters, note);
    } catch (const Error&) {
      if (answered || !link().lost()) throw;
    }
    look_for_server();
    return execute(text, parameters, note);
  }

  /// A transaction of its own, so that its outcome can be found out. Rows are given once they are committed.
  std::int64_t write(const std::string& text, const Parameters& parameters, const Each& each) {
    ResultHandle rows;
    std::int64_t changed = 0;
    attempt(Access::write, Failpoints::off, [&] {
      request(text, parameters);
      rows = link().take(text);
      link().skip();
      changed = rows_changed(rows.get());
    });
    give_rows(rows.get(), each);
    return changed;
  }

  void attempt(Access access, Failpoints failpoints, const std::function<void()>& body) {
    const auto deadline = time_is_up();
    for (int attempt = 1;;) {
      leave_standby(access);
      look_for_server();
      try {
        return run_transaction(access, failpoints, body);
      } catch (const Error& error) {
        if (has_state(error, "55P03")) throw name_blocker(error);
        const bool changes_over = has_state(error, "25006") && several_hosts() && Clock::now() < deadline;
        if (!changes_over && (attempt++ == most_attempts || !may_run_again(error))) throw;
      }
      sleep_milliseconds(2 << attempt);
    }
  }

  /// It, or another, may have taken over.
  void leave_standby(Access access) {
    if (access == Access::write && session_ && link().standby() && answers_ == 0) session_.reset();
  }
  bool several_hosts() const { return settings_.host.find(',') != std::string::npos; }
  Clock::time_point time_is_up() const {
    return Clock::now() + std::chrono::milliseconds(settings_.reconnect_milliseconds);
  }

  bool may_run_again(const Error& error) {
    if (error.outcome_unknown()) return false;
    return undone_ || !session_ || link().lost() || has_state(error, "40001") || has_state(error, "40P01");
  }

  void run_transaction(Access access, Failpoints failpoints, const std::function<void()>& body) {
    {
      const Scope scope(*this, access);
      body();
      nesting_.require_sound();
      if (failpoints == Failpoints::on) failpoint("commit", "before");
      commit();
    }
    if (failpoints == Failpoints::on) failpoint("commit", "after");
  }

  void commit() {
    if (nesting_.inside) queue_gathered();
    if (!begun_) return;
    Answer::make_way(link());
    std::string tag;
    try {
      link().queue("COMMIT");
      link().send();
      take_waiting();
      begun_ = false;
      tag = libpq().command_status(link().take().get());
      link().skip();
    } catch (const Error& error) {
      if (!link().lost()) throw;
      begun_ = false;
      if (nesting_.may_write) settle(error);
      return;
    }
    session_->statements.confirm();
    if (tag != "COMMIT") throw Error(Code::internal, "commit after a failed statement of the transaction");
  }

  void roll_back() noexcept {
    begun_ = false;
    if (link().lost()) return;
    try {
      Answer::make_way(link());
      session_->gathered.clear();
      if (!session_->waiting.empty()) {  // queued is queued
        link().send();
        link().skip();
        session_->waiting.clear();
      }
      link().queue("ROLLBACK");
      link().send();
      link().take();
    } catch (const Error&) {  // the server rolls back what it loses
    }
    link().skip();
  }

  /// The answer to COMMIT got lost: what became of it? @throws Error `loss` when it did not happen, with outcome unknown when
  /// nobody can tell
  void settle(const Error& loss) {
    nesting_.inside = false;
    const auto timeline = link().timeline();
    const auto deadline = time_is_up();
    std::string status;
    try {
      for (status = ask(); status == "in progress" && Clock::now() < deadline; status = ask()) sleep_milliseconds(50);
    } catch (const Error& error) {
      throw Error(error.code(), error.what(), error.hint(), error.details(), Outcome::unknown);
    }
    // Another primary may have given the number to another transaction.
    if (status == "committed" && link().timeline() == timeline) return;
    undone_ = status == "aborted";
    if (undone_) throw Error(loss);
    throw Error(loss.code(), loss.what(), loss.hint(), loss.details(), Outcome::unknown);
  }

  /// "in progress", too, while only a standby answers.
  std::string ask() {
    leave_standby(Access::write);
    look_for_server();
    if (link().standby()) return "in progress";
    std::string status;
    const Value values[] = {std::string_view(transaction_id_)};
    try {
      execute("SELECT pg_xact_status(CAST($1 AS xid8))", Parameters(values),
              [&](const Row& row) { status = row.text(0); });
    } catch (const Error& error) {
      if (!has_state(error, "22023")) throw;
      status = "aborted";  // a number that the server has not given yet: another primary, without the transaction
    }
    return status;
  }

  Error name_blocker(const Error& error) {
    std::string who;
    read(
        "SELECT a.usename || ' (' || a.application_name || ')' FROM pg_locks l JOIN pg_stat_activity a ON a.pid = "
        "l.pid "
        "WHERE l.locktype = 'advisory' AND l.granted AND a.datname = current_database() AND a.pid <> pg_backend_pid()",
        {}, [&](const Row& row) { who = row.text(0); });
    return {error.code(), error.what(),
            who.empty() ? error.hint() : who + " writes just now; run the same command again", error.details()};
  }

  PostgresSettings settings_;
  std::unique_ptr<Session> session_;
  int answers_ = 0;             // whose rows are being read
  std::string transaction_id_;  // of the transaction that writes
  Nesting nesting_;
  bool begun_ = false;
  bool undone_ = false;  // the last COMMIT did not happen
};

}  // namespace

std::unique_ptr<Connection> open_postgres(PostgresSettings settings) {
  return std::make_unique<PostgresConnection>(std::move(settings));
}

}  // namespace ymgr::sql
