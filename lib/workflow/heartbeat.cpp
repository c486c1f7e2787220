#include "workflow/heartbeat.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace ymgr::heartbeat {
namespace {

constexpr Duration remembered = std::chrono::days(30);
constexpr Duration clocks_differ = std::chrono::hours(1);  // those of hosts and database, at most

std::optional<Time> time_at(const sql::Row& row, int column) {
  return row.is_null(column) ? std::nullopt : std::optional(from_micros(row.integer(column)));
}

/// What is yet to come did not happen.
std::optional<Time> past_at(const sql::Row& row, int column) {
  const auto at = time_at(row, column);
  return at && *at > now() + clocks_differ ? std::nullopt : at;
}

/// Several may run them on one host: the last run tells how it went, the best of all when it last succeeded.
void merge(std::vector<Beat>& beats, Beat beat) {
  if (beats.empty() || beats.back().host != beat.host) return beats.push_back(std::move(beat));
  auto& last = beats.back();
  const auto best = std::max(last.succeeded_at, beat.succeeded_at);
  if (beat.started_at > last.started_at) last = std::move(beat);
  last.succeeded_at = best;
}

constexpr std::string_view columns = "host, actor, started_at, ended_at, exit_status, message, succeeded_at ";

std::vector<Beat> read(sql::Connection& db, std::string_view condition, std::span<const sql::Value> values) {
  std::vector<Beat> beats;
  const std::string text = "SELECT " + std::string(columns) + "FROM heartbeats " + std::string(condition);
  db.run(text, values, [&](const sql::Row& row) {
    Beat beat{.host = std::string(row.text(0)),
              .actor = std::string(row.text(1)),
              .started_at = past_at(row, 2),
              .ended_at = time_at(row, 3),
              .succeeded_at = past_at(row, 6)};
    if (!row.is_null(4)) beat.exit = static_cast<int>(row.integer(4));
    if (!row.is_null(5)) beat.message = row.text(5);
    merge(beats, std::move(beat));
  });
  return beats;
}

}  // namespace

bool Beat::is_stale(Duration limit, Time at) const {
  return !succeeded_at || *succeeded_at + limit < at;
}

std::string Beat::describe(Time at) const {
  if (!started_at) return "no scheduled renewal ever ran on " + printable(host);
  std::string text = succeeded_at ? "the last scheduled renewal on " + printable(host) + " that succeeded ended " +
                                        describe_distance(at, *succeeded_at)
                                  : "no scheduled renewal on " + printable(host) + " has succeeded yet";
  if (!ended_at) return text + "; the one of " + format_time(*started_at) + " has not ended";
  if (exit.value_or(0) == 0) return text;
  return text + "; the last one ended with exit status " + std::to_string(*exit) +
         (message.empty() ? "" : ": " + printable(message));
}

void begin(Workbench& bench) {
  bench.db.run(
      "INSERT INTO heartbeats (host, actor, started_at) VALUES ($1, $2, $3) "
      "ON CONFLICT (host, actor) DO UPDATE SET started_at = EXCLUDED.started_at, ended_at = NULL",
      {bench.self.host, bench.session.identity().user, to_micros(now())});
}

void end(Workbench& bench, int exit, std::string_view message) {
  const auto at = to_micros(now());
  bench.db.run(
      "UPDATE heartbeats SET ended_at = $3, exit_status = $4, message = $5, succeeded_at = COALESCE(CAST($6 AS "
      "BIGINT), "
      "succeeded_at) WHERE host = $1 AND actor = $2",
      {bench.self.host, bench.session.identity().user, at, exit, message.empty() ? sql::Value() : sql::Value(message),
       exit == 0 ? sql::Value(at) : sql::Value()});
}

void note_failure(Workbench& bench, const Error& error) {
  try {
    end(bench, exit_status(error.kind()), error.what());
  } catch (const Error&) {  // the database is away, most likely: then the run was not recorded as a success either
  }
}

Beat of_host(sql::Connection& db, std::string_view host) {
  const sql::Value values[] = {host};
  auto beats = read(db, "WHERE host = $1", values);
  if (beats.empty()) return {.host = std::string(host)};
  return std::move(beats.front());
}

std::vector<Beat> all(sql::Connection& db, Time at) {
  const sql::Value values[] = {to_micros(at - remembered), to_micros(at)};
  auto beats = read(db,
                    "WHERE started_at >= $1 OR EXISTS (SELECT 1 FROM certificates c WHERE c.host = heartbeats.host AND "
                    "c.status = 'active' AND c.expires_at >= $2) ORDER BY host",
                    values);
  const sql::Value valid[] = {to_micros(at)};
  db.run(
      "SELECT DISTINCT host FROM certificates WHERE status = 'active' AND expires_at >= $1 AND host IS NOT NULL AND "
      "NOT EXISTS (SELECT 1 FROM heartbeats h WHERE h.host = certificates.host)",
      valid, [&](const sql::Row& row) { beats.push_back({.host = std::string(row.text(0))}); });
  std::ranges::sort(beats, {}, &Beat::host);
  return beats;
}

}  // namespace ymgr::heartbeat
