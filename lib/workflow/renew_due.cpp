#include <algorithm>
#include <map>
#include <set>

#include "base/crypto.hpp"
#include "base/text.hpp"
#include "workflow/device_replace.hpp"
#include "workflow/genuine.hpp"
#include "workflow/heartbeat.hpp"
#include "workflow/issue.hpp"
#include "workflow/renew_plan.hpp"
#include "workflow/renew_run.hpp"
#include "workflow/track.hpp"

namespace ymgr {
namespace {

Json inputs_of(const DueOptions& due, const RenewOptions& options) {
  return Json::object({{"due", true},
                       {"manner", manner_of(options)},
                       {"force", options.force},
                       {"select", Json::texts(texts_of(due.selection))},
                       {"renew_before", due.renew_before ? Json(format_renew_before(*due.renew_before)) : Json()},
                       {"scope", due.scope == Scope::all ? "all" : "host"},
                       {"limit", due.limit}});
}

/// What is due and on cards: which of them are here, and what they hold. Read before the plan, whose transaction waits for nobody.
struct DueCards {
  std::map<std::string, CardLook> looks;  // by cert_id
  std::map<std::string, Error> failed;    // could not be read; of any place: the database takes no renewal of it
  std::set<std::string> without_pin;      // here, but nobody can be asked for the PIN
  std::string_view lacking = "device";    // what all others wait for

  std::string lacks(const CertificateRow& row) const {
    return without_pin.contains(row.cert_id) ? "pin" : std::string(lacking);
  }
};

/// A certificate that is due beside another of its name, which has one open renewal at a time.
struct Behind {
  std::string name, cert_id;
};

struct DuePlan {
  std::vector<CertificateItem> items;
  std::set<std::string> names;  // of the items: each is in the plan once
  std::vector<Behind> behind;   // the others of these names: the next plan's
  std::vector<Json> failed;     // could not be planned
  std::vector<int> exits;
  std::int64_t elsewhere = 0;
  std::vector<Waiting> waiting;
};

void plan_due_row(Workbench& bench, const CertificateRow& row, const RenewOptions& options, const DueCards& cards,
                  Time at, DuePlan& plan) {
  if (!bench.session.may_touch(row.owner) || (!options.force && renewed_recently(bench, row, at))) return;
  if (plan.names.contains(row.name)) return plan.behind.push_back({row.name, row.cert_id});
  if (operations::find_open(bench.db, "renew", row.name)) {
    ++plan.elsewhere;  // of the same name as one that is being renewed: the next run takes it
    return;
  }
  auto item = renewal_of(row);
  try {
    require_genuine(bench, row);
    find_place(bench, item, row);
    if (const auto failed = cards.failed.find(row.cert_id); failed != cards.failed.end()) throw Error(failed->second);
    const auto look = cards.looks.find(row.cert_id);
    const bool absent = item.key_place == KeyPlace::card && look == cards.looks.end();
    if (absent || needs_request(bench, item, options)) {
      plan.waiting.push_back({row.name, row.cert_id, row.device, absent ? cards.lacks(row) : "request"});
      return;
    }
    plan_item(bench, item, options, choice_for(bench, item, row, options, at),
              look == cards.looks.end() ? nullptr : &look->second, at);
  } catch (const Error& error) {  // one certificate that can't be planned must not keep the others from being renewed
    plan.failed.push_back(failed_item(Json::object({{"name", row.name}, {"cert_id", row.cert_id}}), error));
    plan.exits.push_back(exit_status(error.kind()));
    return;
  }
  plan.names.insert(row.name);
  plan.items.push_back(std::move(item));
}

inventory::DueQuery query_of(const Workbench& bench, const DueOptions& due, Time at) {
  inventory::DueQuery query;
  query.at = at;
  query.selection = due.selection;
  query.renew_before = due.renew_before;
  query.host = bench.self.host;
  query.only_host = due.scope == Scope::host;
  query.limit = due.limit;
  return query;
}

Time from_when(const Workbench& bench, const CertificateRow& row, const DueOptions& due) {
  const Time due_at = due.renew_before ? due.renew_before->due_at(row.not_before, row.expires_at) : row.renew_at;
  return due_at + jitter_of(bench.self.host, row, due.jitter);
}

/// What is due, each by its own stable offset later, so that a bulk does not come back at once.
std::vector<CertificateRow> due_rows(Workbench& bench, const DueOptions& due, Time at) {
  auto query = query_of(bench, due, at);
  if (due.jitter > Duration::zero()) query.limit = 0;
  std::vector<CertificateRow> rows;
  const auto is_full = [&] { return due.limit > 0 && std::ssize(rows) >= due.limit; };
  inventory::due(bench.db, query, [&](const CertificateRow& row) {
    if (!is_full() && from_when(bench, row, due) <= at) rows.push_back(row);
  });
  return rows;
}

DuePlan plan_due(Workbench& bench, const DueOptions& due, const RenewOptions& options, const DueCards& cards, Time at) {
  DuePlan plan;
  const auto rows = due_rows(bench, due, at);
  for (const auto& row : rows) plan_due_row(bench, row, options, cards, at, plan);
  return plan;
}

DuePlan plan_behind(Workbench& bench, const std::vector<Behind>& behind, const RenewOptions& options,
                    const DueCards& cards, Time at) {
  DuePlan plan;
  for (const auto& one : behind) {
    if (plan.names.contains(one.name)) {
      plan.behind.push_back(one);
      continue;
    }
    const auto row = inventory::by_id(bench.db, one.cert_id);
    if (row && row->status == CertificateStatus::active) plan_due_row(bench, *row, options, cards, at, plan);
  }
  return plan;
}

DueCards look_at_cards(Workbench& bench, const DueOptions& due, const RenewOptions& options, PluggedIn& plugged) {
  DueCards cards;
  const Time at = now();
  for (const auto& row : due_rows(bench, due, at)) {
    if (row.device.empty() || !bench.session.may_touch(row.owner)) continue;
    if (!plugged.has(row.device) || operations::find_open(bench.db, "renew", row.name)) continue;
    try {
      auto look = look_at_card(bench, row, choice_for(bench, renewal_of(row), row, options, at));
      if (needs_pin(look.card.place) && !known_pin(bench, row.device)) {
        cards.without_pin.insert(row.cert_id);
        continue;
      }
      if (!options.dry_run) require_pin(bench, look.card.place);
      cards.looks.emplace(row.cert_id, std::move(look));
    } catch (const Error& error) {  // one card that can't be read must not keep the others from being renewed
      if (error.code() == Code::interrupted) throw;
      if (!is_absence(error)) cards.failed.emplace(row.cert_id, error);
    }
  }
  cards.lacking = plugged.lacking();
  return cards;
}

/// Each item alone before the policy: what it refuses fails, the rest goes on.
void drop_refused(Workbench& bench, DuePlan& plan, const std::string& request_id, std::vector<audit::Event>& events) {
  std::vector<CertificateItem> approved;
  for (auto& item : plan.items) {
    const auto refused = ask_policy(bench, {item}, PolicyRequest::Action::renew, request_id, events);
    if (!refused) {
      approved.push_back(std::move(item));
      continue;
    }
    plan.failed.push_back(Json::object({{"name", item.name},
                                        {"success", false},
                                        {"error", refused->what()},
                                        {"code", info(refused->code()).text},
                                        {"suggestion", refused->hint()},
                                        {"cert_id", item.renewed_from}}));
    plan.exits.push_back(exit_status(refused->kind()));
  }
  plan.items = std::move(approved);
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

/// Renewals that a process began and did not live to end, all but the one of our own request id.
void finish_orphans(Workbench& bench, const std::string& but, PluggedIn& plugged, RenewAnswer& answer) {
  const auto is_stuck = [&](const StoredOperation& op, const Error& error) {
    answer.items.push_back(stuck_item(op, error));
    answer.exits.push_back(exit_status(error.kind()));
  };
  for (const auto& op : operations::list(bench.db, bench.session, true, 1000)) {
    if (op.kind != "renew" || op.request_id == but) continue;
    try {
      if (!takes_over(bench, op, plugged, answer)) continue;
    } catch (const Error& error) {
      if (error.code() != Code::json_invalid) throw;
      is_stuck(op, error);
      continue;
    }
    RenewAnswer resumed;
    try {
      resumed = resume_renewal(bench, op.request_id);
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

struct DueRun {
  DuePlan plan;
  NewOperation op;
  std::optional<operations::Earlier> earlier;  // a repeated --request-id: nothing is planned
};

/// In one transaction, so that several processes at the same time share the work out.
void try_begin_due(Workbench& bench, const DueOptions& due, const RenewOptions& options, const DueCards& cards,
                   const std::vector<Behind>* behind, DueRun& run) {
  bench.db.transaction(sql::Access::write, [&] {
    const Time at = now();
    run = DueRun();
    run.op = operation_of({}, options, inputs_of(due, options), at);
    if (!options.request_id.empty() && (run.earlier = operations::find_earlier(bench, run.op))) return;
    run.plan = behind ? plan_behind(bench, *behind, options, cards, at) : plan_due(bench, due, options, cards, at);
    std::vector<audit::Event> events;
    drop_refused(bench, run.plan, run.op.request_id, events);
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

/// One name that the database refuses must not keep the others from being renewed. `behind`: these alone.
DueRun begin_due(Workbench& bench, const DueOptions& due, const RenewOptions& options, DueCards cards,
                 const std::vector<Behind>* behind = nullptr) {
  DueRun run;
  for (;;) {
    try {
      try_begin_due(bench, due, options, cards, behind, run);
      return run;
    } catch (const Error& error) {
      const auto known = cards.failed.size();
      if (!is_of_a_name(error)) throw;
      for (const auto& item : run.plan.items)
        if (auto refusal = refusal_of(bench, item, run)) cards.failed.emplace(item.renewed_from, std::move(*refusal));
      if (cards.failed.size() == known) throw;
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

/// Those of one name, one after the other; each has an operation of its own.
void renew_behind(Workbench& bench, const DueOptions& due, RenewOptions options, const DueCards& cards,
                  std::vector<Behind> behind, RenewAnswer& answer) {
  options.request_id.clear();
  while (!behind.empty()) {
    DueRun run = begin_due(bench, due, options, cards, &behind);
    behind = std::move(run.plan.behind);
    RenewAnswer part;
    if (!run.plan.items.empty()) run_with_hooks(bench, run.op, std::move(run.plan.items), part);
    add_behind(answer, std::move(part), std::move(run.plan));
  }
}

/// What --dry-run tells.
DuePlan plan_all(Workbench& bench, const DueOptions& due, const RenewOptions& options, const DueCards& cards) {
  DuePlan all = plan_due(bench, due, options, cards, now());
  for (auto behind = std::move(all.behind); !behind.empty();) {
    auto plan = plan_behind(bench, behind, options, cards, now());
    std::ranges::move(plan.items, std::back_inserter(all.items));
    std::ranges::move(plan.failed, std::back_inserter(all.failed));
    std::ranges::move(plan.exits, std::back_inserter(all.exits));
    std::ranges::move(plan.waiting, std::back_inserter(all.waiting));
    all.elsewhere += plan.elsewhere;
    behind = std::move(plan.behind);
  }
  return all;
}

RenewAnswer plan_only(Workbench& bench, const DueOptions& due, const RenewOptions& options) {
  RenewAnswer answer;
  std::vector<audit::Event> unused;
  PluggedIn plugged(bench);
  auto plan = plan_all(bench, due, options, look_at_cards(bench, due, options, plugged));
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
  const auto cards = look_at_cards(bench, due, options, plugged);
  auto run = begin_due(bench, due, options, cards);
  if (run.earlier)
    repeat_renewal(bench, *run.earlier, answer);
  else if (!run.plan.items.empty())
    run_with_hooks(bench, run.op, std::move(run.plan.items), answer);
  else
    answer.hooks += hooks::run_pending(bench);
  const auto prepend = [&](const std::vector<Json>& items, const std::vector<int>& exits) {
    answer.items.insert(answer.items.begin(), items.begin(), items.end());
    answer.exits.insert(answer.exits.begin(), exits.begin(), exits.end());
  };
  renew_behind(bench, due, options, cards, std::move(run.plan.behind), answer);
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
