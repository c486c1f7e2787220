#include <algorithm>
#include <span>

#include "base/crypto.hpp"
#include "base/ids.hpp"
#include "base/text.hpp"
#include "workflow/device_replace.hpp"
#include "workflow/heartbeat.hpp"
#include "workflow/issue.hpp"
#include "workflow/renew_due_plan.hpp"
#include "workflow/renew_run.hpp"
#include "workflow/track.hpp"

namespace ymgr {
namespace {

/// `round_of`: the request id that the run was given, of an operation that is not its first.
Json inputs_of(const DueOptions& due, const RenewOptions& options, const std::string& host,
               const std::string& round_of) {
  auto inputs =
      Json::object({{"due", true},
                    {"manner", manner_of(options)},
                    {"force", options.force},
                    {"select", Json::texts(texts_of(due.selection))},
                    {"renew_before", due.renew_before ? Json(format_renew_before(*due.renew_before)) : Json()},
                    {"scope", due.scope == Scope::all ? "all" : "host"},
                    {"host", due.scope == Scope::all ? Json() : Json(host)},
                    {"limit", due.limit}});
  if (!round_of.empty()) inputs.set("round_of", round_of);
  return inputs;
}

Json stuck_item(const StoredOperation& op, const Error& error) {
  const std::string abandon = "ymgr operation abandon " + shell_quote(op.request_id);
  return failed_item(Json::object({{"name", op.target}, {"request_id", op.request_id}}), error)
      .set("suggestion", error.suggestion() + "; or " + abandon);
}

/// false: somebody lives who does it, or it is somebody else's, or it waits.
bool takes_over(Workbench& bench, const StoredOperation& op, PluggedIn& plugged, RenewAnswer& answer) {
  operations::require_readable(bench.db, op);
  const bool card = waits_for_card(bench, op.request_id, plugged);
  if (card || belongs_elsewhere(bench, op.request_id)) {
    answer.waiting.push_back({op.target, "", "", card ? std::string(plugged.lacking()) : "device"});
    return false;
  }
  try {
    operations::take_over(bench, op.request_id);
  } catch (const Error& error) {
    if (error.code() != Code::operation_running && error.code() != Code::operation_ended &&
        error.code() != Code::role_denied)
      throw;
    return false;
  }
  return true;
}

/// Renewals that a process began and did not live to end, all but those of our own request id.
void finish_orphans(Workbench& bench, const std::string& but, PluggedIn& plugged, RenewAnswer& answer) {
  const auto is_stuck = [&](const StoredOperation& op, const Error& error) {
    answer.items.push_back(stuck_item(op, error));
    answer.exits.push_back(exit_status(error.kind()));
  };
  for (const auto& op : operations::unfinished(bench, "renew")) {
    if (op.request_id == but) continue;
    if (!but.empty() && text_in(op.inputs, "round_of") == but) continue;
    try {
      if (!takes_over(bench, op, plugged, answer)) continue;
    } catch (const Error& error) {
      if (error.code() != Code::json_invalid) throw;
      is_stuck(op, error);
      continue;
    }
    RenewAnswer resumed;
    try {
      resumed = resume_renewal(bench, op.request_id, answer.hooks.tried);
    } catch (const Error& error) {  // what can't be finished must not keep the others from being renewed
      if (error.code() == Code::interrupted) throw;
      is_stuck(op, error);
      continue;
    }
    answer.items.insert(answer.items.end(), resumed.items.begin(), resumed.items.end());
    answer.exits.insert(answer.exits.end(), resumed.exits.begin(), resumed.exits.end());
    answer.hooks += resumed.hooks;
    answer.changed = answer.changed || resumed.changed;
  }
}

/// Of a run that renews certificates of one name one after the other, each round with an operation of its own.
struct Rounds {
  Behind behind;                        // the next round's, and those after it
  int operation = 1;                    // which operation of the run the next one is
  bool is_first = true;                 // it takes everything that is due
  bool repeated = false;                // the request id is that of an earlier run
  std::map<std::string, int> failures;  // by name

  std::string request_id(const std::string& given) const {
    return given.empty() || operation == 1 ? given : numbered_id(given, operation);
  }
};

struct DueRun {
  DuePlan plan;
  NewOperation op;
  std::optional<operations::Earlier> earlier;  // a repeated --request-id: nothing is planned
};

/// What the run takes up after this plan.
std::vector<std::string> ids_after(const DuePlan& plan, const Rounds& rounds) {
  std::vector<std::string> after;
  for (const auto& [name, ids] : rounds.is_first ? plan.behind : rounds.behind) {
    const auto taken = plan.taken.find(name);
    const auto skipped = taken == plan.taken.end() ? 0 : taken->second;
    after.insert(after.end(), ids.begin() + static_cast<std::ptrdiff_t>(skipped), ids.end());
  }
  return after;
}

/// In one transaction, so that several processes at the same time share the work out.
void try_begin_due(Workbench& bench, const DueGround& ground, const Rounds& rounds, DueRun& run) {
  bench.db.transaction(sql::Access::write, [&] {
    const Time at = now();
    const std::string& given = ground.options.request_id;
    RenewOptions options = ground.options;
    options.request_id = rounds.request_id(given);
    run = DueRun();
    run.op = operation_of(
        {}, options, inputs_of(ground.due, options, bench.self.host, rounds.operation == 1 ? std::string() : given),
        at);
    if (!given.empty() && (run.earlier = operations::find_earlier(bench, run.op))) return;
    run.plan = rounds.is_first ? plan_due(bench, ground, at) : plan_behind(bench, rounds.behind, ground, at);
    std::vector<audit::Event> events;
    drop_refused(bench, run.plan, run.op.request_id, events);
    if (!given.empty() && rounds.operation == 1 && !run.plan.items.empty())
      run.plan.items.front().behind = ids_after(run.plan, rounds);
    add_items(run.op, run.plan.items);
    run.op.events.insert(run.op.events.end(), events.begin(), events.end());
    if (!run.plan.items.empty())
      operations::create(bench, run.op);
    else if (!run.op.events.empty())
      audit::append(bench.db, bench.session.identity().user, run.op.events, bench.head_signer);
  });
}

/// A certificate or an operation of somebody else's has the name, and row security hides it from a person.
bool is_of_a_name(const Error& error) {
  return error.code() == Code::database_denied || error.code() == Code::operation_open;
}

/// Tried alone, and taken back.
std::optional<Error> refusal_of(Workbench& bench, const CertificateItem& item, const DueRun& run) {
  struct TakenBack {};
  std::optional<Error> refusal;
  try {
    bench.db.transaction(sql::Access::write, [&] {
      NewOperation op = run.op;
      op.items.clear();
      op.events.clear();
      add_items(op, {item});
      operations::create(bench, op);
      throw TakenBack();
    });
  } catch (const TakenBack&) {
  } catch (const Error& error) {
    if (!is_of_a_name(error)) throw;
    refusal = error;
  }
  return refusal;
}

/// One name that the database refuses must not keep the others from being renewed.
DueRun begin_due(Workbench& bench, DueGround& ground, const Rounds& rounds) {
  DueRun run;
  for (;;) {
    try {
      try_begin_due(bench, ground, rounds, run);
      return run;
    } catch (const Error& error) {
      const auto known = ground.refused.size();
      if (!is_of_a_name(error)) throw;
      for (const auto& item : run.plan.items)
        if (auto refusal = refusal_of(bench, item, run)) ground.refused.emplace(item.renewed_from, std::move(*refusal));
      if (ground.refused.size() == known) throw;
    }
  }
}

/// What is watched of other CAs belongs to a run that takes everything.
void take_tracked(Workbench& bench, const DueOptions& due, Rehearsal rehearsal, RenewAnswer& answer) {
  if (!due.selection.empty() || due.limit > 0) return;
  auto found = replace_tracked(bench, due.renew_before, rehearsal);
  answer.items.insert(answer.items.end(), found.items.begin(), found.items.end());
  answer.exits.insert(answer.exits.end(), found.exits.begin(), found.exits.end());
  answer.changed = answer.changed || found.changed;
  for (const auto& row : found.elsewhere) answer.waiting.push_back({row.name, row.track_id, "", "elsewhere"});
}

void add_behind(RenewAnswer& answer, RenewAnswer part, DuePlan plan) {
  answer.items.insert(answer.items.end(), plan.failed.begin(), plan.failed.end());
  answer.exits.insert(answer.exits.end(), plan.exits.begin(), plan.exits.end());
  answer.items.insert(answer.items.end(), part.items.begin(), part.items.end());
  answer.exits.insert(answer.exits.end(), part.exits.begin(), part.exits.end());
  answer.hooks += part.hooks;
  answer.changed = answer.changed || part.changed;
  answer.elsewhere += plan.elsewhere;
  std::ranges::move(plan.waiting, std::back_inserter(answer.waiting));
  if (part.request_id.empty() || answer.resumable) return;
  if (!answer.request_id.empty() && !part.resumable) return;
  answer.request_id = part.request_id;
  answer.state = part.state;
  answer.resumable = part.resumable;
}

/// What the first operation of an earlier run left to those that follow it.
Behind behind_of(Workbench& bench, const std::string& request_id) {
  Behind behind;
  for (const auto& stored : operations::items(bench.db, request_id))
    for (const auto& id : CertificateItem::from(stored).behind)
      if (const auto row = inventory::by_id(bench.db, id)) behind[row->name].push_back(id);
  return behind;
}

void drop_taken(Behind& behind, const std::map<std::string, std::size_t>& taken) {
  for (const auto& [name, count] : taken) {
    auto& ids = behind[name];
    ids.erase(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(count));
    if (ids.empty()) behind.erase(name);
  }
}

/// Those that an operation of an earlier run has renewed, or tried to.
void drop_items_of(Workbench& bench, const std::string& request_id, Behind& behind) {
  for (const auto& stored : operations::items(bench.db, request_id)) {
    const auto item = CertificateItem::from(stored);
    const auto ids = behind.find(item.name);
    if (ids == behind.end()) continue;
    if (const auto one = std::ranges::find(ids->second, item.renewed_from); one != ids->second.end())
      ids->second.erase(one);
    if (ids->second.empty()) behind.erase(ids);
  }
}

void take_round(Workbench& bench, DueGround& ground, Rounds& rounds, DueRun& run, RenewAnswer& part) {
  run = begin_due(bench, ground, rounds);
  drop_taken(rounds.behind, run.plan.taken);
  if (run.earlier || !run.plan.items.empty()) ++rounds.operation;
  if (run.earlier) {
    repeat_renewal(bench, *run.earlier, part);
    drop_items_of(bench, run.earlier->request_id, rounds.behind);
  } else if (!run.plan.items.empty()) {
    run_with_hooks(bench, run.op, std::move(run.plan.items), part);
  }
}

/// Of a name that fails again and again the rest is left to the next run. What can't be planned costs no round, and does not count.
void leave_failing(std::span<const Json> items, Rounds& rounds, RenewAnswer& answer) {
  constexpr int most_failures = 3;
  for (const auto& item : items) {
    const auto behind = rounds.behind.find(item.text_or("name", ""));
    if (behind == rounds.behind.end() || item.boolean_or("success", true)) continue;
    if (++rounds.failures[behind->first] < most_failures) continue;
    answer.elsewhere += std::ssize(behind->second);
    rounds.behind.erase(behind);
  }
}

/// Each that a round had begun or had yet to begin when something stopped it.
void tell_stopped(const NewOperation& op, const Behind& behind, const Error& error, RenewAnswer& part) {
  const auto tell = [&](Json who) {
    part.items.push_back(failed_item(std::move(who), error));
    part.exits.push_back(exit_status(error.kind()));
  };
  for (const auto& item : op.items)
    tell(Json::object(
        {{"name", item.target}, {"cert_id", item.data.at("renewed_from")}, {"request_id", op.request_id}}));
  for (const auto& [name, ids] : behind)
    for (const auto& id : ids) tell(Json::object({{"name", name}, {"cert_id", id}}));
}

/// What stops a round takes nothing from the answer of those before it.
void renew_behind(Workbench& bench, DueGround& ground, PluggedIn& plugged, Rounds rounds, RenewAnswer& answer) {
  while (!rounds.behind.empty()) {
    DueRun run;
    RenewAnswer part;
    part.hooks.tried = answer.hooks.tried;
    try {
      if (rounds.repeated && !operations::find(bench.db, rounds.request_id(ground.options.request_id))) {
        ground.cards = look_at_cards_behind(bench, rounds.behind, ground.options, plugged);
        rounds.repeated = false;
      }
      take_round(bench, ground, rounds, run, part);
    } catch (const Error& error) {
      if (error.code() == Code::interrupted) throw;
      tell_stopped(run.op, rounds.behind, error, part);
      rounds.behind.clear();
    }
    leave_failing(std::span(run.plan.failed).subspan(run.plan.unplanned), rounds, answer);
    leave_failing(part.items, rounds, answer);
    add_behind(answer, std::move(part), std::move(run.plan));
  }
}

RenewAnswer plan_only(Workbench& bench, const DueOptions& due, const RenewOptions& options) {
  RenewAnswer answer;
  std::vector<audit::Event> unused;
  PluggedIn plugged(bench);
  auto plan = plan_all(bench, {due, options, look_at_due_cards(bench, due, options, plugged)}, now());
  drop_refused(bench, plan, "", unused);
  planned(answer, plan.items);
  answer.items.insert(answer.items.end(), plan.failed.begin(), plan.failed.end());
  answer.exits.insert(answer.exits.end(), plan.exits.begin(), plan.exits.end());
  answer.elsewhere = plan.elsewhere;
  answer.waiting = std::move(plan.waiting);
  take_tracked(bench, due, Rehearsal::yes, answer);
  answer.exit = batch_exit(answer.exits);
  answer.next_expiry = next_expiry(bench.db);
  answer.watched = watch(bench, due.logins ? due.logins() : std::vector<Watched>());
  return answer;
}

RenewAnswer run_due(Workbench& bench, const DueOptions& due, const RenewOptions& options) {
  if (bench.tend) bench.tend();  // the token that came with the environment lasts from night to night
  supersede_replaced(bench);
  RenewAnswer answer, orphans;
  if (due.undelivered) {
    orphans.items.push_back(
        failed_item(Json::object({{"name", "what was done while the database was away"}}), *due.undelivered));
    orphans.exits.push_back(exit_status(due.undelivered->kind()));
  }
  PluggedIn plugged(bench);
  finish_orphans(bench, options.request_id, plugged, orphans);
  take_tracked(bench, due, Rehearsal::no, orphans);
  DueGround ground{due, options, look_at_due_cards(bench, due, options, plugged)};
  answer.hooks.tried = orphans.hooks.tried;
  Rounds rounds;
  auto run = begin_due(bench, ground, rounds);
  if (run.earlier || !run.plan.items.empty()) ++rounds.operation;
  if (run.earlier)
    repeat_renewal(bench, *run.earlier, answer);
  else if (!run.plan.items.empty())
    run_with_hooks(bench, run.op, std::move(run.plan.items), answer);
  else
    answer.hooks += hooks::run_pending(bench, {}, answer.hooks.tried);
  rounds.is_first = false;
  rounds.repeated = run.earlier.has_value();
  rounds.behind = run.earlier ? behind_of(bench, run.earlier->request_id) : std::move(run.plan.behind);
  leave_failing(std::span(run.plan.failed).subspan(run.plan.unplanned), rounds, answer);
  leave_failing(answer.items, rounds, answer);
  renew_behind(bench, ground, plugged, std::move(rounds), answer);
  const auto prepend = [&](const std::vector<Json>& items, const std::vector<int>& exits) {
    answer.items.insert(answer.items.begin(), items.begin(), items.end());
    answer.exits.insert(answer.exits.begin(), exits.begin(), exits.end());
  };
  prepend(run.plan.failed, run.plan.exits);
  prepend(orphans.items, orphans.exits);
  answer.elsewhere += run.plan.elsewhere;
  std::ranges::move(orphans.waiting, std::back_inserter(answer.waiting));
  std::ranges::move(run.plan.waiting, std::back_inserter(answer.waiting));
  answer.hooks += orphans.hooks;
  answer.changed = answer.changed || orphans.changed;
  answer.upkeep = look_after_ca(bench, run.op.request_id);
  auto exits = answer.exits;
  for (const auto& failure : answer.upkeep.failures) exits.push_back(exit_status(failure.kind()));
  answer.exit = batch_exit(exits);
  answer.next_expiry = next_expiry(bench.db);
  answer.watched = watch(bench, due.logins ? due.logins() : std::vector<Watched>());
  set_exit(answer);
  return answer;
}

/// Why a run did not do all it had to, for whoever looks at its heartbeat.
std::string fault_of(const RenewAnswer& answer) {
  for (const auto& item : answer.items)
    if (const auto* error = item.find("error")) return item.text_or("name", "") + ": " + error->text();
  if (!answer.hooks.messages.empty()) return answer.hooks.messages.front();
  return answer.upkeep.failures.empty() ? std::string() : answer.upkeep.failures.front().what();
}

}  // namespace

Duration jitter_of(std::string_view host, const CertificateRow& row, Duration most) {
  const Duration bound = std::min(most, (row.expires_at - row.not_before) / 20);
  if (bound <= Duration::zero()) return Duration::zero();
  const auto digest = sha256(std::string(host) + "\n" + row.name);
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < sizeof number; ++i) number = number << 8 | digest[i];
  return Duration(static_cast<Duration::rep>(number % static_cast<std::uint64_t>(bound.count())));
}

RenewAnswer renew_due(Workbench& bench, const DueOptions& due, const RenewOptions& options) {
  bench.session.require(Right::renew);
  if (options.dry_run) return plan_only(bench, due, options);
  if (!due.selection.empty() || due.limit > 0) return run_due(bench, due, options);
  heartbeat::begin(bench);
  try {
    auto answer = run_due(bench, due, options);
    heartbeat::end(bench, answer.exit, fault_of(answer));
    return answer;
  } catch (const Error& error) {
    heartbeat::note_failure(bench, error);
    throw;
  }
}

}  // namespace ymgr
