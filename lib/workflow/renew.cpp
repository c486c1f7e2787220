#include "workflow/renew.hpp"

#include "base/text.hpp"
#include "workflow/explain.hpp"
#include "workflow/genuine.hpp"
#include "workflow/issue.hpp"
#include "workflow/renew_plan.hpp"
#include "workflow/renew_run.hpp"

namespace ymgr {
namespace {

/// What must be equal for a second command to be the same renewal again.
Json inputs_of(const std::string& name, const RenewOptions& options) {
  return Json::object({{"name", name}, {"manner", manner_of(options)}, {"force", options.force}});
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

/// The same renewal begun before: by the same command, or by a `renew --due` that did not live to end it.
std::optional<operations::Earlier> find_earlier_renewal(Workbench& bench, const NewOperation& wanted) {
  const auto open = operations::find_open(bench.db, wanted.kind, wanted.items.front().target);
  const auto* manner = open ? open->inputs.find("manner") : nullptr;
  const bool same = manner != nullptr && *manner == wanted.inputs.at("manner") &&
                    open->inputs.boolean_or("due", false) && !operations::outranks(bench, *open);
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
    answer.next_expiry = next_expiry(bench.db);
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
  answer.next_expiry = next_expiry(bench.db);
  set_exit(answer);
  return answer;
}

RenewAnswer resume_renewal(Workbench& bench, const std::string& request_id, const std::set<std::string>& tried) {
  RenewAnswer answer;
  answer.hooks.tried = tried;
  const auto places = places_of(bench, request_id, answer.hooks);
  hooks::around(bench, request_id, places, answer.hooks, [&](const auto& before_end) {
    static_cast<CertificateAnswer&>(answer) = resume_certificates(bench, request_id, "renew", "renewed", before_end);
  });
  set_exit(answer);
  return answer;
}

}  // namespace ymgr
