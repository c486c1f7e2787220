#include "workflow/renew.hpp"

#include <algorithm>
#include <map>

#include "base/ids.hpp"
#include "base/text.hpp"
#include "workflow/device_replace.hpp"
#include "workflow/explain.hpp"
#include "workflow/genuine.hpp"
#include "workflow/heartbeat.hpp"
#include "workflow/issue.hpp"
#include "workflow/renew_plan.hpp"

namespace ymgr {
namespace {

/// What the new certificate depends on, besides the old one.
Json manner_of(const RenewOptions& options) {
  return Json::object({{"new_key", options.key == KeyChoice::fresh},
                       {"key", options.algorithm ? Json(to_string(*options.algorithm)) : Json()},
                       {"validity", options.validity ? Json(format_duration(*options.validity)) : Json()},
                       {"csr", options.csr.empty() ? Json() : Json(hex(sha256(options.csr)))}});
}

/// What must be equal for a second command to be the same renewal again.
Json inputs_of(const std::string& name, const RenewOptions& options) {
  return Json::object({{"name", name}, {"manner", manner_of(options)}, {"force", options.force}});
}

Json inputs_of(const DueOptions& due, const RenewOptions& options) {
  return Json::object({{"due", true},
                       {"manner", manner_of(options)},
                       {"force", options.force},
                       {"select", Json::texts(texts_of(due.selection))},
                       {"renew_before", due.renew_before ? Json(format_renew_before(*due.renew_before)) : Json()},
                       {"scope", due.scope == Scope::all ? "all" : "host"},
                       {"limit", due.limit}});
}

void add_items(NewOperation& op, const std::vector<CertificateItem>& items) {
  for (const auto& item : items) {
    op.items.push_back({item.target, item.journal()});
    op.events.push_back(
        {op.request_id, "renew.requested", item.name,
         Json::object({{"renewed_from", item.renewed_from}, {"key", item.key_reused ? "reused" : "new"}})});
  }
  op.target = op.items.size() == 1 ? op.items.front().target : std::to_string(op.items.size()) + " certificates";
}

NewOperation operation_of(const std::vector<CertificateItem>& items, const RenewOptions& options, Json inputs,
                          Time at) {
  NewOperation op;
  op.request_id = options.request_id.empty() ? new_id("req", at) : options.request_id;
  op.kind = "renew";
  op.inputs = std::move(inputs);
  add_items(op, items);
  return op;
}

std::vector<Installation> places_of(const std::vector<CertificateItem>& items) {
  std::vector<Installation> places;
  for (const auto& item : items)
    if (item.place) places.push_back(*item.place);
  return places;
}

/// Runs planned items with the hooks around them.
void run_with_hooks(Workbench& bench, const NewOperation& op, std::vector<CertificateItem> items, RenewAnswer& answer) {
  for (std::size_t i = 0; i < items.size(); ++i) items[i].position = i;
  for (auto& item : items)
    if (item.key_reused) item.key_box = bench.stores.key_box(item.key_reference);
  hooks::around(bench, op.request_id, places_of(items), answer.hooks, [&](const auto& before_end) {
    run_certificate_items(bench, op.request_id, items);
    before_end();
    static_cast<CertificateAnswer&>(answer) =
        finish_certificates(bench, op.request_id, op.kind, op.target, items, "renewed");
  });
}

/// Installations of an operation that is taken up again, those of its finished items too: their post-hooks may be owed.
std::vector<Installation> places_of(Workbench& bench, const std::string& request_id, hooks::Outcome& outcome) {
  std::vector<Installation> places;
  for (const auto& stored : operations::items(bench.db, request_id)) {
    const auto item = CertificateItem::from(stored);
    if (item.installation.empty()) continue;
    try {
      if (auto place = installation::load(bench.installations, item.installation)) places.push_back(std::move(*place));
    } catch (const Error& error) {  // keeps no other hook from running
      outcome.fail(item.name + ": " + error.what());
    }
  }
  return places;
}

void set_exit(RenewAnswer& answer) {
  if (answer.exit == 0 && answer.hooks.failed > 0) answer.exit = 10;
}

/// What an earlier operation answered, or what comes of going on with it.
void repeat_renewal(Workbench& bench, const operations::Earlier& earlier, RenewAnswer& answer) {
  if (earlier.ended)
    static_cast<CertificateAnswer&>(answer) = stored_answer(bench, earlier.request_id, "renewed");
  else
    answer = resume_renewal(bench, earlier.request_id);
}

/// What is due and on cards: which of them are here, and what they hold. Read before the plan, whose transaction waits for nobody.
struct DueCards {
  std::map<std::string, CardLook> looks;  // by cert_id
  std::map<std::string, Error> failed;    // could not be read
};

struct DuePlan {
  std::vector<CertificateItem> items;
  std::vector<Json> failed;  // could not be planned
  std::vector<int> exits;
  std::int64_t elsewhere = 0, waiting = 0;
};

void plan_due_row(Workbench& bench, const CertificateRow& row, const RenewOptions& options, const DueCards& cards,
                  Time at, DuePlan& plan) {
  if (!bench.session.may_touch(row.owner) || (!options.force && renewed_recently(bench, row, at))) return;
  if (operations::find_open(bench.db, "renew", row.name)) {
    ++plan.elsewhere;
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
      ++plan.waiting;
      return;
    }
    plan_item(bench, item, options, choice_for(bench, item, row, options, at),
              look == cards.looks.end() ? nullptr : &look->second, at);
  } catch (const Error& error) {  // one certificate that can't be planned must not keep the others from being renewed
    plan.failed.push_back(failed_item(Json::object({{"name", row.name}, {"cert_id", row.cert_id}}), error));
    plan.exits.push_back(exit_status(error.kind()));
    return;
  }
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

DuePlan plan_due(Workbench& bench, const DueOptions& due, const RenewOptions& options, const DueCards& cards, Time at) {
  DuePlan plan;
  const auto query = query_of(bench, due, at);
  std::vector<CertificateRow> rows;
  inventory::due(bench.db, query, [&](const CertificateRow& row) { rows.push_back(row); });
  for (const auto& row : rows) plan_due_row(bench, row, options, cards, at, plan);
  return plan;
}

DueCards look_at_cards(Workbench& bench, const DueOptions& due, const RenewOptions& options, PluggedIn& plugged) {
  DueCards cards;
  const Time at = now();
  std::vector<CertificateRow> rows;
  inventory::due(bench.db, query_of(bench, due, at), [&](const CertificateRow& row) {
    if (!row.device.empty() && bench.session.may_touch(row.owner)) rows.push_back(row);
  });
  for (const auto& row : rows) {
    if (!plugged.has(row.device) || operations::find_open(bench.db, "renew", row.name)) continue;
    try {
      auto look = look_at_card(bench, row, choice_for(bench, renewal_of(row), row, options, at));
      if (needs_pin(look.card.place) && !known_pin(bench, row.device)) continue;
      if (!options.dry_run) require_pin(bench, look.card.place);
      cards.looks.emplace(row.cert_id, std::move(look));
    } catch (const Error& error) {  // one card that can't be read must not keep the others from being renewed
      if (error.code() == Code::interrupted) throw;
      if (!is_absence(error)) cards.failed.emplace(row.cert_id, error);
    }
  }
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
  const std::string abandon = "ymgr operation abandon " + op.request_id;
  return failed_item(Json::object({{"name", op.target}, {"request_id", op.request_id}}), error)
      .set("suggestion", error.suggestion() + "; or " + abandon);
}

/// Renewals that a process began and did not live to end, all but the one of our own request id.
void finish_orphans(Workbench& bench, const std::string& but, PluggedIn& plugged, RenewAnswer& answer) {
  for (const auto& op : operations::list(bench.db, bench.session, true, 1000)) {
    if (op.kind != "renew" || op.request_id == but) continue;
    if (waits_for_card(bench, op.request_id, plugged) || belongs_elsewhere(bench, op.request_id)) {
      ++answer.waiting;
      continue;
    }
    try {
      operations::take_over(bench, op.request_id);
    } catch (const Error& error) {
      if (error.code() != Code::operation_running && error.code() != Code::operation_ended &&
          error.code() != Code::role_denied)
        throw;
      continue;  // somebody lives who does it, or it is somebody else's
    }
    RenewAnswer resumed;
    try {
      resumed = resume_renewal(bench, op.request_id);
    } catch (const Error& error) {  // what can't be finished must not keep the others from being renewed
      if (error.code() == Code::interrupted) throw;
      answer.items.push_back(stuck_item(op, error));
      answer.exits.push_back(exit_status(error.kind()));
      continue;
    }
    answer.items.insert(answer.items.end(), resumed.items.begin(), resumed.items.end());
    answer.exits.insert(answer.exits.end(), resumed.exits.begin(), resumed.exits.end());
    answer.hooks += resumed.hooks;
    answer.changed = answer.changed || resumed.changed;
  }
}

std::optional<Time> next_expiry(sql::Connection& db) {
  std::optional<Time> next;
  db.run("SELECT min(expires_at) FROM certificates WHERE status = 'active'", {}, [&](const sql::Row& row) {
    if (!row.is_null(0)) next = from_micros(row.integer(0));
  });
  return next;
}

void planned(RenewAnswer& answer, const std::vector<CertificateItem>& items) {
  answer.state = "planned";
  for (const auto& item : items) {
    answer.items.push_back(Json::object({{"name", item.name},
                                         {"success", true},
                                         {"result", "planned"},
                                         {"renewed_from", item.renewed_from},
                                         {"key", item.key_reused ? "reused" : "new"},
                                         {"expires_at", format_time(item.plan.not_after)}}));
    answer.exits.push_back(0);
  }
}

/// The same renewal begun before: by the same command, or by a `renew --due` that did not live to end it.
std::optional<operations::Earlier> find_earlier_renewal(Workbench& bench, const NewOperation& wanted) {
  const auto open = operations::find_open(bench.db, wanted.kind, wanted.items.front().target);
  const bool same =
      open && open->inputs.boolean_or("due", false) && open->inputs.at("manner") == wanted.inputs.at("manner");
  if (!same) return operations::find_earlier(bench, wanted);
  operations::take_over(bench, open->request_id);
  return operations::Earlier{open->request_id, false};
}

/// Not of a renewal that was begun before: what it did to the card is its own.
std::optional<CardLook> look_for_renewal(Workbench& bench, const CertificateRow& row, const RenewOptions& options) {
  bench.session.require_touch(row.owner, "the certificate of " + row.name);
  const bool begun = operations::find_open(bench.db, "renew", row.name) ||
                     (!options.request_id.empty() && operations::find(bench.db, options.request_id));
  if (begun) return CardLook{card_key_of(bench, row), {}};
  const Time at = now();
  require_renewable(bench, row, options, at);
  auto look = look_at_card(bench, row, choice_for(bench, renewal_of(row), row, options, at));
  if (!options.dry_run) require_pin(bench, look.card.place);
  return look;
}

struct DueRun {
  DuePlan plan;
  NewOperation op;
  std::optional<operations::Earlier> earlier;  // a repeated --request-id: nothing is planned
};

/// In one transaction, so that several processes at the same time share the work out.
DueRun begin_due(Workbench& bench, const DueOptions& due, const RenewOptions& options, const DueCards& cards) {
  DueRun run;
  bench.db.transaction(sql::Access::write, [&] {
    const Time at = now();
    run = DueRun();
    run.op = operation_of({}, options, inputs_of(due, options), at);
    if (!options.request_id.empty() && (run.earlier = operations::find_earlier(bench, run.op))) return;
    run.plan = plan_due(bench, due, options, cards, at);
    std::vector<audit::Event> events;
    drop_refused(bench, run.plan, run.op.request_id, events);
    add_items(run.op, run.plan.items);
    run.op.events.insert(run.op.events.end(), events.begin(), events.end());
    if (!run.plan.items.empty())
      operations::create(bench, run.op);
    else if (!run.op.events.empty())
      audit::append(bench.db, bench.session.identity().user, run.op.events, bench.head_signer);
  });
  return run;
}

RenewAnswer plan_only(Workbench& bench, const DueOptions& due, const RenewOptions& options) {
  RenewAnswer answer;
  std::vector<audit::Event> unused;
  PluggedIn plugged(bench);
  auto plan = plan_due(bench, due, options, look_at_cards(bench, due, options, plugged), now());
  drop_refused(bench, plan, "", unused);
  planned(answer, plan.items);
  answer.items.insert(answer.items.end(), plan.failed.begin(), plan.failed.end());
  answer.exits.insert(answer.exits.end(), plan.exits.begin(), plan.exits.end());
  answer.exit = batch_exit(answer.exits);
  answer.elsewhere = plan.elsewhere;
  answer.waiting = plan.waiting;
  answer.next_expiry = next_expiry(bench.db);
  return answer;
}

}  // namespace

RenewAnswer renew(Workbench& bench, const std::string& argument, const RenewOptions& options) {
  bench.session.require(Right::renew);
  RenewAnswer answer;
  std::vector<CertificateItem> items;
  std::optional<Error> refused;
  std::optional<operations::Earlier> earlier;
  NewOperation op;
  std::optional<CardLook> card;
  if (const auto row = inventory::resolve(bench.db, argument, now()); !row.device.empty())
    card = look_for_renewal(bench, row, options);
  const auto plan = [&] {
    const Time at = now();
    items.clear();
    refused.reset();
    const auto row = inventory::resolve(bench.db, argument, at);
    bench.session.require_touch(row.owner, "the certificate of " + row.name);
    auto item = renewal_of(row);
    find_place(bench, item, row);
    const Json inputs = inputs_of(row.name, options);
    op = NewOperation{options.request_id, "renew", row.name, inputs, {{row.name, Json()}}, {}};
    if (!options.dry_run && (earlier = find_earlier_renewal(bench, op))) return;
    require_renewable(bench, row, options, at);
    require_genuine(bench, row);
    if (needs_request(bench, item, options))
      throw Error(Code::certificate_state, "the key of " + row.name + " is not ours, and its policy wants a new one",
                  "ymgr renew " + shell_quote(row.name) + " --csr FILE");
    const auto key = card ? choice_for(bench, item, row, options, at) : options.key;
    plan_item(bench, item, options, key, card ? &*card : nullptr, at);
    op = operation_of({item}, options, inputs, at);
    items.push_back(std::move(item));
    refused = ask_policy(bench, items, PolicyRequest::Action::renew, op.request_id, op.events);
  };
  if (options.dry_run) {
    plan();
    if (refused) throw Error(*refused);
    planned(answer, items);
    return answer;
  }
  bench.db.transaction(sql::Access::write, [&] {
    plan();
    if (earlier) return;
    if (refused)
      operations::create_refused(bench, op, *refused);
    else
      operations::create(bench, op);
  });
  if (refused) throw Error(*refused);
  if (earlier)
    repeat_renewal(bench, *earlier, answer);
  else
    run_with_hooks(bench, op, std::move(items), answer);
  set_exit(answer);
  return answer;
}

RenewAnswer resume_renewal(Workbench& bench, const std::string& request_id) {
  RenewAnswer answer;
  const auto places = places_of(bench, request_id, answer.hooks);
  hooks::around(bench, request_id, places, answer.hooks, [&](const auto& before_end) {
    static_cast<CertificateAnswer&>(answer) = resume_certificates(bench, request_id, "renew", "renewed", before_end);
  });
  set_exit(answer);
  return answer;
}

namespace {

RenewAnswer run_due(Workbench& bench, const DueOptions& due, const RenewOptions& options) {
  supersede_replaced(bench);
  RenewAnswer answer, orphans;
  PluggedIn plugged(bench);
  finish_orphans(bench, options.request_id, plugged, orphans);
  auto run = begin_due(bench, due, options, look_at_cards(bench, due, options, plugged));
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
  prepend(run.plan.failed, run.plan.exits);
  prepend(orphans.items, orphans.exits);
  answer.hooks += orphans.hooks;
  answer.changed = answer.changed || orphans.changed;
  answer.upkeep = look_after_ca(bench, run.op.request_id);
  auto exits = answer.exits;
  for (const auto& failure : answer.upkeep.failures) exits.push_back(exit_status(failure.kind()));
  answer.exit = batch_exit(exits);
  answer.elsewhere = run.plan.elsewhere;
  answer.waiting = run.plan.waiting + orphans.waiting;
  answer.next_expiry = next_expiry(bench.db);
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
