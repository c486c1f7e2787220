#include <poll.h>

#include <charconv>
#include <limits>
#include <optional>

#include "sql/libpq.hpp"
#include "sql/postgres.hpp"

namespace ymgr::sql {

void FinishSession::operator()(pg_conn* connection) const noexcept {
  libpq().finish(connection);
}
void ClearResult::operator()(pg_result* result) const noexcept {
  libpq().clear(result);
}

void* Link::tls_session() const noexcept {
  return libpq().ssl_struct(session_.get(), "OpenSSL");
}

std::int64_t integer_at(const pg_result* result, int row, int column) noexcept {
  const char* text = libpq().value(result, row, column);
  std::int64_t value = *text == 't' ? 1 : 0;
  std::from_chars(text, text + libpq().length(result, row, column), value);
  return value;
}

Link::Link(const PostgresSettings& settings) : answer_milliseconds_(settings.answer_milliseconds) {
  std::optional<Error> reason;
  for (const auto& [host, port] : hosts_of(settings)) {
    const auto standby = std::move(session_);
    try {
      open(settings, host, port);
      set_up(settings);
      require_own_session(*this, settings, host, port);
      if (!standby_) return;
    } catch (const Error& error) {
      // The next host may have taken over; a refusal tells more than silence.
      if (!reason || reason->code() == Code::database_unreachable) reason = error;
      session_.reset();
    }
  }
  if (!session_) throw Error(*reason);
}

Link::Link(const PostgresSettings& settings, const std::string& host, const std::string& port, int answer_milliseconds)
    : answer_milliseconds_(answer_milliseconds) {
  open(settings, host, port);
}

int Link::announced_process() const noexcept {
  return libpq().backend_pid(session_.get());
}

void Link::open(const PostgresSettings& settings, const std::string& host, const std::string& port) {
  where_ = settings.database + " on " + host;
  session_ = log_in(settings, host, port);
  lost_ = open_ = false;
  commands_ = 0;
  if (libpq().set_nonblocking(session_.get(), 1) != 0 || libpq().enter_pipeline(session_.get()) != 1)
    throw Error(Code::internal, "libpq refuses pipelines");
}

void Link::set_up(const PostgresSettings& settings) {
  const auto statement = std::to_string(settings.answer_milliseconds),
             lock = std::to_string(settings.lock_milliseconds),
             idle = std::to_string(settings.idle_transaction_milliseconds);
  const Value values[] = {statement, lock, idle, settings.role.empty() ? std::string_view("none") : settings.role};
  queue(
      "SELECT pg_backend_pid(), pg_is_in_recovery(), current_setting('server_encoding'), CASE WHEN pg_is_in_recovery() "
      "THEN '' ELSE left(pg_walfile_name(pg_current_wal_lsn()), 8) END, set_config('search_path', 'ymgr, pg_temp', "
      "false), set_config('client_min_messages', 'warning', false), set_config('statement_timeout', $1, false), "
      "set_config('lock_timeout', $2, false), set_config('idle_in_transaction_session_timeout', $3, false), "
      "set_config('role', $4, false)",
      Parameters(values));
  send();
  const auto row = take();
  skip();
  server_process_ = integer_at(row.get(), 0, 0);
  standby_ = *libpq().value(row.get(), 0, 1) == 't';
  timeline_ = libpq().value(row.get(), 0, 3);
  if (const std::string encoding = libpq().value(row.get(), 0, 2); encoding != "UTF8")
    throw Error(Code::database_failed, "database " + where_ + " has the encoding " + encoding + ", not UTF8",
                "make it with: createdb --encoding=UTF8 --template=template0 " + settings.database);
}

void Link::require(bool queued) {
  if (queued) {
    ++commands_;
    open_ = true;
    return;
  }
  fail(nullptr, {});
}

void Link::queue(const char* text, const Parameters& p) {
  require(libpq().send_query_params(session_.get(), text, p.count(), p.types().data(), p.values(), p.lengths(),
                                    p.formats(), 0) == 1);
}

void Link::queue_prepare(const char* name, const std::string& text, const std::vector<Parameters::Type>& types) {
  require(libpq().send_prepare(session_.get(), name, text.c_str(), static_cast<int>(types.size()), types.data()) == 1);
}

void Link::queue_prepared(const char* name, const Parameters& p) {
  require(libpq().send_query_prepared(session_.get(), name, p.count(), p.values(), p.lengths(), p.formats(), 0) == 1);
}

void Link::send() {
  if (libpq().pipeline_sync(session_.get()) != 1) fail(nullptr, {});
}

void Link::wait_for_socket(bool writing, Deadline deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  pollfd entry{libpq().socket(session_.get()), static_cast<short>(POLLIN | (writing ? POLLOUT : 0)), 0};
  if (left.count() > 0 && ::poll(&entry, 1, static_cast<int>(left.count())) != 0) return;  // interrupted: again
  lost_ = true;
  throw Error(Code::database_unreachable,
              "database " + where_ + ": no answer within " + std::to_string(answer_milliseconds_) + " ms");
}

/// Until a result is there, or the connection is gone, which the next result tells.
void Link::wait() {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(answer_milliseconds_);
  for (;;) {
    const bool writing = libpq().flush(session_.get()) == 1;
    if (libpq().is_busy(session_.get()) == 0) return;
    wait_for_socket(writing, deadline);
    if (libpq().consume_input(session_.get()) == 0) return;
  }
}

ResultHandle Link::next() {
  wait();
  ResultHandle result(libpq().get_result(session_.get()));
  if (libpq().status(session_.get()) == CONNECTION_BAD) lost_ = true;
  return result;
}

void Link::fail(const pg_result* result, std::string_view statement) {
  lost_ = lost_ || libpq().status(session_.get()) == CONNECTION_BAD;
  const auto error = result == nullptr ? lost_error(libpq().error_message(session_.get()), where_)
                                       : postgres_error(result, where_, statement);
  skip();
  throw Error(error);
}

ResultHandle Link::take(std::string_view statement) {
  ResultHandle answer;
  for (;;) {
    auto result = next();
    if (!result) break;
    answer = std::move(result);
  }
  --commands_;
  const auto status = answer ? libpq().result_status(answer.get()) : PGRES_FATAL_ERROR;
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) fail(answer.get(), statement);
  return answer;
}

/// A script may take long.
class Link::Patience {
 public:
  explicit Patience(int& milliseconds) : milliseconds_(milliseconds), usual_(milliseconds) {
    milliseconds_ = std::numeric_limits<int>::max();
  }
  ~Patience() { milliseconds_ = usual_; }
  Patience(const Patience&) = delete;
  Patience& operator=(const Patience&) = delete;

 private:
  int& milliseconds_;
  int usual_;
};

void Link::row_by_row() noexcept {
  libpq().set_single_row_mode(session_.get());
}

ResultHandle Link::take_row(std::string_view statement) {
  auto result = next();
  if (!result) {
    if (lost_) fail(nullptr, statement);
    --commands_;
    skip();
    return result;
  }
  switch (libpq().result_status(result.get())) {
    case PGRES_SINGLE_TUPLE:
    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK: return result;
    default: fail(result.get(), statement);
  }
}

void Link::skip() noexcept {
  try {
    while (open_ && !lost_) {
      const auto result = next();
      if (result && libpq().result_status(result.get()) == PGRES_PIPELINE_SYNC) open_ = false;
    }
  } catch (const Error&) {
    lost_ = true;  // no answer in time
  }
  open_ = false;
  commands_ = 0;
}

void Link::script(const std::string& text) {
  const Patience patience(answer_milliseconds_);
  if (libpq().exit_pipeline(session_.get()) != 1) fail(nullptr, {});
  if (libpq().send_query(session_.get(), text.c_str()) != 1) fail(nullptr, {});
  std::optional<Error> first;
  while (const auto result = next()) {
    if (!first && libpq().result_status(result.get()) == PGRES_FATAL_ERROR)
      first = postgres_error(result.get(), where_, text);
  }
  if (!lost_) libpq().enter_pipeline(session_.get());
  if (first) throw Error(*first);
  if (lost_) fail(nullptr, {});
}

Answer::~Answer() {
  if (link_.reading_ != this) return;
  link_.reading_ = nullptr;
  link_.skip();
}

ResultHandle Answer::next() {
  if (!kept_.empty()) {
    auto result = std::move(kept_.front());
    kept_.pop_front();
    return result;
  }
  if (link_.reading_ != this) return {};
  auto result = link_.take_row(statement_);
  if (!result) link_.reading_ = nullptr;
  return result;
}

void Answer::keep() {
  while (auto result = link_.take_row(statement_)) kept_.push_back(std::move(result));
  link_.reading_ = nullptr;
}

void Answer::make_way(Link& link) {
  if (link.reading_ != nullptr) link.reading_->keep();
}

}  // namespace ymgr::sql
