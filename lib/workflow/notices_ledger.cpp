#include "workflow/notices_ledger.hpp"

#include <algorithm>
#include <set>

namespace ymgr::notices {
namespace {

/// Of subject, number, kind, detail and unsure.
Notice read_notice(const sql::Row& row) {
  Notice notice = notice_from(parse_json(row.text(3)));
  notice.kind = parse_notice_kind(row.text(2));
  notice.id = std::string(row.text(0)) + "/" + std::to_string(row.integer(1));
  notice.repeated = row.integer(4) != 0;
  return notice;
}

/// A failure that this channel was told of, or is owed, and that has not ended for it.
struct Open {
  std::string subject, fingerprint, detail;
  std::int64_t number = 0;
  bool is_told = false;
};

std::vector<Open> open_failures(sql::Connection& db, std::string_view channel) {
  std::vector<Open> open;
  db.run(
      "SELECT subject, number, fingerprint, detail, state, unsure FROM notifications WHERE channel = $1 AND kind = "
      "'failure' AND ended_at IS NULL",
      {channel}, [&](const sql::Row& row) {
        open.push_back({std::string(row.text(0)), std::string(row.text(2)), std::string(row.text(3)), row.integer(1),
                        row.text(4) != "owed" || row.integer(5) != 0});
      });
  return open;
}

/// A hook fails in its own words; what else fails may say "3 days ago".
std::string fingerprint_of(std::string_view subject, const Notice& notice) {
  return subject.starts_with("hook/") ? notice.message : notice.code;
}

void insert(sql::Connection& db, std::string_view channel, std::string_view subject, std::int64_t number,
            const Notice& notice, std::string_view fingerprint, Time at) {
  const std::string detail = dump_json(to_json(notice));
  db.run(
      "INSERT INTO notifications (channel, subject, number, kind, detail, fingerprint, state, created_at) VALUES ($1, "
      "$2, $3, $4, $5, $6, 'owed', $7) ON CONFLICT (channel, subject, number) DO NOTHING",
      {channel, subject, number, to_string(notice.kind), detail, fingerprint, to_micros(at)});
}

std::int64_t next_number(sql::Connection& db, std::string_view channel, std::string_view subject) {
  std::int64_t next = 1;
  db.run("SELECT max(number) FROM notifications WHERE channel = $1 AND subject = $2", {channel, subject},
         [&](const sql::Row& row) { next = row.integer(0) + 1; });
  return next;
}

void end(sql::Connection& db, std::string_view channel, const Open& open, Time at) {
  db.run(
      "UPDATE notifications SET ended_at = $1, state = CASE WHEN state = 'owed' THEN 'dropped' ELSE state END WHERE "
      "channel = $2 AND subject = $3 AND number = $4",
      {to_micros(at), channel, open.subject, open.number});
}

bool any(sql::Connection& db, std::string_view text, std::initializer_list<sql::Value> params) {
  bool found = false;
  db.run(text, params, [&](const sql::Row&) { found = true; });
  return found;
}

/// Of a failure that nothing names any more.
bool is_over(Workbench& bench, const Open& open, const Facts& facts, Time at) {
  const auto slash = open.subject.find('/');
  const std::string_view kind = std::string_view(open.subject).substr(0, slash),
                         what = std::string_view(open.subject).substr(slash + 1);
  if (kind == "run") return facts.after_run && what == bench.self.host;
  if (kind == "renewal")
    return !any(bench.db, "SELECT 1 FROM certificates WHERE name = $1 AND status = 'active' AND renew_at <= $2",
                {what, to_micros(at)}) &&
           !any(bench.db,
                "SELECT 1 FROM tracked_certificates WHERE name = $1 AND status = 'tracked' AND installation IS NOT "
                "NULL AND renew_at <= $2",
                {what, to_micros(at)});
  if (kind == "operation")
    return !any(bench.db, "SELECT 1 FROM operations WHERE request_id = $1 AND state IN ('open', 'waiting')", {what});
  if (kind == "heartbeat") return !facts.failing.contains(many_silent_hosts);  // it may be one of them
  return true;  // hooks stand in the database as they are
}

Notice recovery_of(const Open& open) {
  Notice notice = notice_from(parse_json(open.detail));
  notice.kind = NoticeKind::recovery;
  return notice;
}

void record_failures(Workbench& bench, std::string_view channel, const Facts& facts, Time at) {
  std::set<std::string, std::less<>> known;
  for (const auto& open : open_failures(bench.db, channel)) {
    const auto now_failing = facts.failing.find(open.subject);
    if (now_failing != facts.failing.end() && fingerprint_of(open.subject, now_failing->second) == open.fingerprint) {
      known.insert(open.subject);
    } else if (now_failing != facts.failing.end()) {
      end(bench.db, channel, open, at);
    } else if (is_over(bench, open, facts, at)) {
      end(bench.db, channel, open, at);
      if (open.is_told) insert(bench.db, channel, open.subject, open.number + 1, recovery_of(open), "", at);
    }
  }
  for (const auto& [subject, notice] : facts.failing)
    if (!known.contains(subject))
      insert(bench.db, channel, subject, next_number(bench.db, channel, subject), notice,
             fingerprint_of(subject, notice), at);
}

void insert_expiry(sql::Connection& db, std::string_view channel, std::string_view subject, const Notice& notice,
                   Time at) {
  insert(db, channel, subject, notice.window_days, notice, "", at);
  db.run(
      "UPDATE notifications SET state = 'owed' WHERE channel = $1 AND subject = $2 AND number = $3 AND state = "
      "'dropped'",
      {channel, subject, notice.window_days});  // it was revoked for a time
}

/// Whether a subject that the facts do not have is over: nobody may have looked, or another host has to.
bool is_seen_here(const Workbench& bench, std::string_view subject, const Facts& facts) {
  if (!subject.starts_with(other_endings)) return true;
  const auto rest = subject.substr(other_endings.size());
  return facts.has_others && (rest.starts_with('/') || rest.starts_with(bench.self.host + "/"));
}

void record_expiries(Workbench& bench, std::string_view channel, const Facts& facts, Time at) {
  auto& db = bench.db;
  std::set<std::pair<std::string, std::int64_t>> valid;
  for (const auto& [subject, notice, overdue] : facts.ending) {
    valid.emplace(subject, notice.window_days);
    if (overdue) insert_expiry(db, channel, subject, notice, at);
  }
  std::vector<std::pair<std::string, std::int64_t>> stale;
  db.run("SELECT subject, number FROM notifications WHERE channel = $1 AND state = 'owed' AND kind = 'expiry'",
         {channel}, [&](const sql::Row& row) {
           std::pair<std::string, std::int64_t> one(row.text(0), row.integer(1));
           if (!valid.contains(one) && is_seen_here(bench, one.first, facts)) stale.push_back(std::move(one));
         });
  for (const auto& [subject, number] : stale)
    db.run("UPDATE notifications SET state = 'dropped' WHERE channel = $1 AND subject = $2 AND number = $3",
           {channel, subject, number});
}

/// Whoever was to send them has died, or has taken longer than it may: nobody knows whether they arrived.
void release_void_claims(Workbench& bench, std::string_view channel, Time at) {
  std::set<std::string> holders;
  const std::string self = bench.self.to_text();
  bench.db.run("SELECT holder, held_until FROM notifications WHERE channel = $1 AND state = 'sending'", {channel},
               [&](const sql::Row& row) {
                 const auto holder = row.text(0);
                 const bool is_void = row.integer(1) <= to_micros(at) || holder == self || is_dead(holder, bench.self);
                 if (is_void) holders.emplace(holder);
               });
  for (const auto& holder : holders)
    bench.db.run(
        "UPDATE notifications SET state = CASE WHEN ended_at IS NULL THEN 'owed' ELSE 'dropped' END, unsure = 1, "
        "holder "
        "= NULL, held_until = NULL WHERE channel = $1 AND state = 'sending' AND holder = $2",
        {channel, holder});
}

int rank(const Notice& notice) {
  return static_cast<int>(notice.kind);
}

bool comes_before(const Notice& a, const Notice& b) {
  if (rank(a) != rank(b)) return rank(a) < rank(b);
  if (a.expires_at != b.expires_at) return a.expires_at < b.expires_at;
  return a.id < b.id;
}

}  // namespace

void record(Workbench& bench, std::string_view channel, const Facts& facts, Time at) {
  release_void_claims(bench, channel, at);
  record_failures(bench, channel, facts, at);
  record_expiries(bench, channel, facts, at);
}

std::vector<Notice> owed(sql::Connection& db, std::string_view channel) {
  std::vector<Notice> notices;
  db.run("SELECT subject, number, kind, detail, unsure FROM notifications WHERE channel = $1 AND state = 'owed'",
         {channel}, [&](const sql::Row& row) { notices.push_back(read_notice(row)); });
  std::ranges::sort(notices, comes_before);
  return notices;
}

std::vector<Notice> claim(Workbench& bench, std::string_view channel, const std::string& digest, Time until) {
  auto notices = owed(bench.db, channel);
  if (notices.empty()) return notices;
  bench.db.run(
      "UPDATE notifications SET state = 'sending', holder = $1, held_until = $2, digest = $3, attempts = attempts + 1 "
      "WHERE channel = $4 AND state = 'owed'",
      {bench.self.to_text(), to_micros(until), digest, channel});
  return notices;
}

void mark_sent(Workbench& bench, std::string_view channel, const std::string& digest, Time at) {
  bench.db.run(
      "UPDATE notifications SET state = 'sent', sent_at = $1, holder = NULL, held_until = NULL, error = NULL WHERE "
      "channel = $2 AND digest = $3 AND holder = $4 AND state = 'sending'",
      {to_micros(at), channel, digest, bench.self.to_text()});
}

void mark_failed(Workbench& bench, std::string_view channel, const std::string& digest, const Error& error) {
  bench.db.run(
      "UPDATE notifications SET state = CASE WHEN ended_at IS NULL THEN 'owed' ELSE 'dropped' END, holder = NULL, "
      "held_until = NULL, error = $1, unsure = CASE WHEN CAST($2 AS BIGINT) = 1 THEN 1 ELSE unsure END WHERE channel = "
      "$3 AND digest = "
      "$4 AND holder = $5 AND state = 'sending'",
      {error.what(), error.outcome_unknown() ? 1 : 0, channel, digest, bench.self.to_text()});
}

std::vector<Entry> list(sql::Connection& db, const ListQuery& query) {
  std::vector<Entry> entries;
  const auto read = [&](const sql::Row& row) {
    Entry entry{.channel = std::string(row.text(5)), .state = std::string(row.text(6)), .notice = read_notice(row)};
    entry.attempts = row.integer(7);
    entry.error = row.text(8);
    entry.digest = row.text(9);
    entry.created_at = from_micros(row.integer(10));
    if (!row.is_null(11)) entry.sent_at = from_micros(row.integer(11));
    entries.push_back(std::move(entry));
  };
  db.run(
      "SELECT subject, number, kind, detail, unsure, channel, state, attempts, error, digest, created_at, sent_at FROM "
      "notifications WHERE ($1 = '' OR channel = $2) AND ($3 = '' OR state = $4) ORDER BY created_at DESC, subject, "
      "number, channel LIMIT $5",
      {query.channel, query.channel, query.state, query.state, query.limit}, read);
  return entries;
}

}  // namespace ymgr::notices
