#include "workflow/renew_due_plan.hpp"

#include <utility>

#include "base/text.hpp"
#include "workflow/genuine.hpp"
#include "workflow/issue.hpp"
#include "workflow/renew_run.hpp"

namespace ymgr {
namespace {

void plan_due_row(Workbench& bench, const CertificateRow& row, const DueGround& ground, Time at, DuePlan& plan) {
  const auto& [due, options, cards, refused] = ground;
  if (!bench.session.may_touch(row.owner) || (!options.force && renewed_recently(bench, row, at))) return;
  if (plan.names.contains(row.name)) return plan.behind[row.name].push_back(row.cert_id);
  const auto open = operations::find_open(bench.db, "renew", row.name);
  const bool is_kept = open && open->actor != row.owner && operations::outranks(bench, *open);
  if (open && !is_kept) {
    ++plan.elsewhere;  // of the same name as one whose renewal is open: the next run takes it
    return;
  }
  auto item = renewal_of(row);
  try {
    require_genuine(bench, row);
    if (is_kept)
      throw Error(Code::operation_open,
                  "a user whose certificate it is not, " + open->actor + ", keeps it from being renewed",
                  "ymgr operation abandon " + shell_quote(open->request_id), {{"request_id", open->request_id}});
    find_place(bench, item, row);
    for (const auto* errors : {&cards.unreadable, &refused})
      if (const auto known = errors->find(row.cert_id); known != errors->end()) throw Error(known->second);
    const auto look = cards.looks.find(row.cert_id);
    const bool absent = item.key_place == KeyPlace::card && look == cards.looks.end();
    if (absent || needs_request(bench, item, options)) {
      plan.waiting.push_back({row.name, row.cert_id, row.device, absent ? cards.lacks(row) : "request"});
      return;
    }
    plan_item(bench, item, options, choice_for(bench, item, row, options, at),
              look == cards.looks.end() ? nullptr : &look->second, at);
    if (item.key_reused) item.key_box = bench.stores.key_box(item.key_reference);
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

DueCards look_at_cards(Workbench& bench, const std::vector<CertificateRow>& rows, const RenewOptions& options,
                       PluggedIn& plugged) {
  DueCards cards;
  const Time at = now();
  for (const auto& row : rows) {
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
      if (!is_absence(error)) cards.unreadable.emplace(row.cert_id, error);
    }
  }
  cards.lacking = plugged.lacking();
  return cards;
}

/// nullopt: it is not active any more.
std::optional<CertificateRow> active_row(Workbench& bench, const std::string& cert_id) {
  auto row = inventory::by_id(bench.db, cert_id);
  if (row && row->status != CertificateStatus::active) row.reset();
  return row;
}

}  // namespace

DueCards look_at_due_cards(Workbench& bench, const DueOptions& due, const RenewOptions& options, PluggedIn& plugged) {
  return look_at_cards(bench, due_rows(bench, due, now()), options, plugged);
}

DueCards look_at_cards_behind(Workbench& bench, const Behind& behind, const RenewOptions& options, PluggedIn& plugged) {
  std::vector<CertificateRow> rows;
  for (const auto& [name, ids] : behind)
    for (const auto& id : ids)
      if (auto row = active_row(bench, id)) rows.push_back(std::move(*row));
  return look_at_cards(bench, rows, options, plugged);
}

DuePlan plan_due(Workbench& bench, const DueGround& ground, Time at) {
  DuePlan plan;
  const auto rows = due_rows(bench, ground.due, at);
  for (const auto& row : rows) plan_due_row(bench, row, ground, at, plan);
  return plan;
}

DuePlan plan_behind(Workbench& bench, const Behind& behind, const DueGround& ground, Time at) {
  DuePlan plan;
  for (const auto& [name, ids] : behind) {
    auto& taken = plan.taken[name];
    while (taken < ids.size() && !plan.names.contains(name))
      if (const auto row = active_row(bench, ids[taken++])) plan_due_row(bench, *row, ground, at, plan);
  }
  return plan;
}

DuePlan plan_all(Workbench& bench, const DueGround& ground, Time at) {
  auto plan = plan_due(bench, ground, at);
  for (const auto& [name, ids] : std::exchange(plan.behind, {}))
    for (const auto& id : ids) {
      plan.names.erase(name);
      if (const auto row = active_row(bench, id)) plan_due_row(bench, *row, ground, at, plan);
    }
  return plan;
}

/// Each item alone before the policy: what it refuses fails, the rest goes on.
void drop_refused(Workbench& bench, DuePlan& plan, const std::string& request_id, std::vector<audit::Event>& events) {
  plan.unplanned = plan.failed.size();
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

}  // namespace ymgr
