#include <algorithm>

#include "base/text.hpp"
#include "inventory/tracked.hpp"
#include "workflow/heartbeat.hpp"
#include "workflow/notices.hpp"

namespace ymgr::notices {
namespace {

using std::chrono::days;

Notice failure_of(std::string name, const Json& item) {
  Notice notice;
  notice.name = std::move(name);
  notice.code = item.text_or("code", "");
  notice.message = item.text_or("error", "");
  return notice;
}

/// A renewal that is stuck may be of many certificates: then it has no name of its own.
std::string subject_of(const Json& item) {
  const auto request = item.text_or("request_id", "");
  return request.empty() ? "renewal/" + item.text_or("name", "") : "operation/" + request;
}

/// What goes wrong with a run besides single certificates.
std::vector<Error> troubles_of(const RenewAnswer& answer) {
  std::vector<Error> troubles = answer.upkeep.failures;
  for (const auto& message : answer.hooks.messages)
    if (message.starts_with("pre-hook: ") || message.starts_with("post-hook: "))
      troubles.emplace_back(Code::hook_failed, message);
  for (const auto& one : answer.watched)
    if (!one.readable) troubles.emplace_back(Code::crl_invalid, one.kind + " " + one.name + " can't be read");
  return troubles;
}

Notice run_failure(std::string_view host, std::span<const Error> troubles) {
  Notice notice;
  notice.name = "renew --due on " + std::string(host);
  notice.host = host;
  std::vector<std::string> codes, messages;
  for (const auto& error : troubles) {
    codes.emplace_back(info(error.code()).text);
    messages.emplace_back(error.what());
  }
  std::ranges::sort(codes);
  codes.erase(std::unique(codes.begin(), codes.end()), codes.end());
  notice.code = join(codes, ", ");
  notice.message = join(messages, "; ");
  return notice;
}

struct Row {
  std::string cert_id, name, owner, host;
  Time expires_at, renew_at;
  bool is_ours;  // its key is, so it is renewed without anybody's help
  std::string subject = "expiry/" + cert_id;
  std::string message = {};  // what is to be known of it besides
};

/// Those whose renewal has its time already, or that nobody renews by himself.
std::vector<Row> rows_ending(sql::Connection& db, Time from, Time to, Time at) {
  std::vector<Row> rows;
  db.run(
      "SELECT cert_id, name, owner, host, expires_at, renew_at, key_reference FROM certificates WHERE status = "
      "'active' "
      "AND expires_at > $1 AND expires_at <= $2 AND (renew_at <= $3 OR key_reference = 'external') ORDER BY "
      "expires_at, "
      "cert_id",
      {to_micros(from), to_micros(to), to_micros(at)}, [&](const sql::Row& row) {
        rows.push_back({std::string(row.text(0)), std::string(row.text(1)), std::string(row.text(2)),
                        std::string(row.text(3)), from_micros(row.integer(4)), from_micros(row.integer(5)),
                        row.text(6) != "external"});
      });
  return rows;
}

/// Watched where they were found. The certificate that follows there is another one to be told of.
Row row_of(const TrackedRow& tracked) {
  const bool is_file = tracked.source.starts_with("file:"), has_successor = !tracked.installation.empty();
  Row row{tracked.track_id,   tracked.name,     tracked.owner, is_file || has_successor ? tracked.host : std::string(),
          tracked.expires_at, tracked.renew_at, has_successor};
  row.subject += "." + tracked.fingerprint.substr(0, 16);
  row.message = "seen at " + tracked.source + ", not our CA's: " +
                (has_successor ? "ymgr renew --due there is to replace it" : "it is renewed elsewhere");
  return row;
}

std::vector<Row> tracked_ending(sql::Connection& db, Time from, Time to, Time at) {
  std::vector<Row> rows;
  for (const auto& tracked : tracked::ending(db, from, to))
    if (auto row = row_of(tracked); !row.is_ours || row.renew_at <= at) rows.push_back(std::move(row));
  return rows;
}

/// From when on somebody must know that it was not renewed.
Time overdue_from(const Row& row, std::string_view host, bool after_run) {
  if (!row.is_ours) return Time::min();
  const bool had_its_chance = after_run && (row.host.empty() || row.host == host);
  // A run that nobody watches may have left it to the next one, by its jitter.
  const Duration patience = had_its_chance ? usual_jitter : Duration(days(1));
  return row.renew_at + std::min(patience, (row.expires_at - row.renew_at) / 2);
}

/// nullopt: in none.
std::optional<int> narrowest_window(const std::vector<int>& windows, Duration left) {
  if (left < Duration::zero()) return 0;  // its end is the last instant at which it is good
  std::optional<int> narrowest;
  for (const int window : windows)
    if (left <= days(window) && (!narrowest || window < *narrowest)) narrowest = window;
  return narrowest;
}

/// One that has expired is not missed where another of the name serves.
bool is_replaced(sql::Connection& db, const Row& row, Time at) {
  return row.expires_at < at && inventory::active_by_name(db, row.name, at).has_value();
}

Notice notice_of(const Row& row, int window) {
  Notice notice;
  notice.kind = NoticeKind::expiry;
  notice.name = row.name;
  notice.cert_id = row.cert_id;
  notice.owner = row.owner;
  notice.host = row.host;
  notice.expires_at = row.expires_at;
  notice.window_days = window;
  notice.message = row.message;
  return notice;
}

std::vector<Ending> endings(Workbench& bench, const Settings& settings, bool after_run, Time at) {
  const Duration widest = days(settings.windows.empty() ? 1 : std::ranges::max(settings.windows));
  std::vector<Ending> found;
  const auto take = [&](const Row& row) {
    if (const auto window = narrowest_window(settings.windows, row.expires_at - at))
      found.push_back({row.subject, notice_of(row, *window), at >= overdue_from(row, bench.self.host, after_run)});
  };
  for (const auto& row : rows_ending(bench.db, at - widest, at + widest, at))
    if (!is_replaced(bench.db, row, at)) take(row);
  for (const auto& row : tracked_ending(bench.db, at - widest, at + widest, at)) take(row);
  std::ranges::stable_sort(found, {}, [](const Ending& ending) { return ending.notice.expires_at; });
  return found;
}

/// Whoever logs in by a token for an hour knows that, and a person sees the end of the own session.
bool is_worth_telling(const Watched& one, Time at) {
  if (at < one.due_at || !one.readable || one.kind == "session") return false;
  return one.kind != "token" || one.ends_at - one.due_at >= days(1);
}

Ending ending_of(const Watched& one, const Settings& settings, const std::string& host, Time at) {
  const bool is_of_host = one.kind == "token" || one.kind == "login-certificate";
  Notice notice;
  notice.kind = NoticeKind::expiry;
  notice.name = one.kind + " " + one.name;
  if (is_of_host) notice.host = host;
  notice.expires_at = one.ends_at;
  const auto ahead = static_cast<int>(std::chrono::ceil<days>(one.ends_at - one.due_at).count());
  notice.window_days = narrowest_window(settings.windows, one.ends_at - at).value_or(ahead);
  notice.message = "next: " + one.next_step;
  return {std::string(other_endings) + notice.host + "/" + notice.name + "/" + format_time(one.ends_at), notice, true};
}

void add_failed_hooks(sql::Connection& db, Failures& failing) {
  db.run(
      "SELECT host, installation, name, owner, cert_id, hook_message FROM certificates WHERE status = 'active' AND "
      "hook_state = 'pending' AND hook_message <> ''",
      {}, [&](const sql::Row& row) {
        Notice notice;
        notice.name = row.text(2);
        notice.owner = row.text(3);
        notice.host = row.text(0);
        notice.cert_id = row.text(4);
        notice.code = info(Code::hook_failed).text;
        notice.message = "the deploy hook failed: " + std::string(row.text(5));
        failing.emplace("hook/" + std::string(row.text(0)) + "/" + std::string(row.text(1)), std::move(notice));
      });
}

Notice notice_of(const heartbeat::Beat& beat) {
  Notice notice;
  notice.name = "renew --due on " + beat.host;
  notice.host = beat.host;
  notice.code = "heartbeat-stale";
  notice.message = "no run has succeeded since " + format_time(*beat.succeeded_at);
  return notice;
}

/// Of many hosts at once, something that they share has stopped.
Notice notice_of(const std::vector<heartbeat::Beat>& silent) {
  constexpr std::ptrdiff_t shown = 5;
  std::vector<std::string> hosts;
  for (const auto& beat : silent) hosts.push_back(beat.host);
  hosts.resize(shown);
  Notice notice;
  notice.name = "renew --due on " + std::to_string(silent.size()) + " hosts";
  notice.code = "heartbeat-stale";
  notice.message = "no run has succeeded of late on " + join(hosts, ", ") + ", …: ymgr renew --heartbeat --scope all";
  return notice;
}

/// Of other hosts: this one's own run tells of itself.
void add_silent_hosts(Workbench& bench, const Settings& settings, Time at, Failures& failing) {
  constexpr std::size_t most = 20;
  auto silent = heartbeat::all(bench.db, at);
  std::erase_if(silent, [&](const heartbeat::Beat& beat) {
    return beat.host == bench.self.host || !beat.succeeded_at || !beat.is_stale(settings.heartbeat_limit, at);
  });
  if (silent.size() > most) {
    failing.emplace(many_silent_hosts, notice_of(silent));
    return;
  }
  for (const auto& beat : silent) failing.emplace("heartbeat/" + beat.host, notice_of(beat));
}

}  // namespace

Failures failures_of(const RenewAnswer& answer, std::string_view host) {
  Failures failures;
  for (const auto& item : answer.items)
    if (!item.boolean_or("success", true))
      failures.emplace(subject_of(item), failure_of("renewal of " + item.text_or("name", ""), item));
  if (const auto troubles = troubles_of(answer); !troubles.empty())
    failures.emplace("run/" + std::string(host), run_failure(host, troubles));
  return failures;
}

Failures failures_of(const Error& error, std::string_view host) {
  return {{"run/" + std::string(host), run_failure(host, {&error, 1})}};
}

Facts facts(Workbench& bench, const Settings& settings, const Failures* run, const std::vector<Watched>* watched,
            Time at) {
  Facts facts;
  facts.after_run = run != nullptr;
  facts.ending = endings(bench, settings, facts.after_run, at);
  facts.has_others = watched != nullptr;
  if (watched != nullptr)
    for (const auto& one : *watched)
      if (is_worth_telling(one, at)) facts.ending.push_back(ending_of(one, settings, bench.self.host, at));
  if (run != nullptr) facts.failing = *run;
  add_failed_hooks(bench.db, facts.failing);
  add_silent_hosts(bench, settings, at, facts.failing);
  return facts;
}

}  // namespace ymgr::notices
