#include "sql/libpq.hpp"
#include "sql/postgres.hpp"

namespace ymgr::sql {
namespace {

constexpr int probes = 3;
constexpr int probe_milliseconds = 2000;  // a full pool in session mode lets a further client wait

void command(Link& link, const char* text) {
  link.queue(text);
  link.send();
  link.take();
  link.skip();
}

/// Another client holds a session: is it ours, or did ours become another one?
bool shares_sessions(Link& link, Link& other) {
  command(other, "BEGIN");
  const bool shared = process_of(other) == link.server_process() || process_of(link) != link.server_process();
  command(other, "ROLLBACK");
  return shared;
}

bool is_probe_silent(const Error& error) noexcept {
  return error.code() == Code::database_unreachable;
}

}  // namespace

Error pooler_error(const Link& link) {
  return {Code::pooler_unfit, "database " + link.where() + ": a pooler gives every transaction another session",
          "set pool_mode = session for this database in PgBouncer, or connect to PostgreSQL itself"};
}

std::int64_t process_of(Link& link) {
  link.queue("SELECT pg_backend_pid()");
  link.send();
  const auto row = link.take();
  link.skip();
  return integer_at(row.get(), 0, 0);
}

/// In transaction mode a second client gets the session that the first one has just given back, or, when somebody else was
/// faster, the first one gets another; in session mode neither can be.
void require_own_session(Link& link, const PostgresSettings& settings, const std::string& host,
                         const std::string& port) {
  if (link.server_process() == link.announced_process()) return;
  try {
    Link other(settings, host, port, probe_milliseconds);
    for (int i = 0; i < probes; ++i) {
      if (shares_sessions(link, other)) throw pooler_error(link);
    }
  } catch (const Error& error) {
    if (link.lost() || !is_probe_silent(error)) throw;
  }
}

}  // namespace ymgr::sql
