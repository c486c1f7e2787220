#include <algorithm>
#include <iterator>

#include "base/text.hpp"
#include "workflow/issue.hpp"
#include "workflow/journaled_plan.hpp"

namespace ymgr {
namespace {

/// What today's policy decides is taken over, as everything else that it says.
void take_rules(Workbench& bench, CertificateItem& item) {
  const auto& rules = bench.policy.profile(item.profile);
  item.plan.eku = rules.eku;
  item.plan.key_usage = rules.key_usage;
  item.policy_version = bench.policy.version();
  item.needs_approval = item.needs_approval || needs_approval(rules, to_string(bench.session.identity().role));
}

/// Renewed or revoked by somebody else since the plan: this renewal would stand beside the other one.
std::optional<Error> without_need(Workbench& bench, const CertificateItem& item) {
  const auto before = item.renewed_from.empty() ? std::nullopt : inventory::by_id(bench.db, item.renewed_from);
  if (!before || before->status == CertificateStatus::active) return std::nullopt;
  return Error(Code::certificate_state,
               "the certificate " + before->cert_id + " that " + item.name + " was to be renewed from is " +
                   std::string(to_string(before->status)) + " by now",
               "ymgr cert show " + shell_quote(item.name) + " tells what there is");
}

/// In a team whoever approved signs, with the own rights; for everybody else the item waits as before. What failed there is approved
/// anew.
bool is_for_another(Workbench& bench, const CertificateItem& item) {
  return !bench.session.has_data_key() && item.approved_by != bench.session.identity().user;
}

/// Of today, for whoever signs; and for whoever asked, who may have had no right to ask for it.
std::optional<Error> policy_refusal(Workbench& bench, const PlanJudge& judge, const CertificateItem& item,
                                    PolicyRequest::Action action, const std::string& request_id,
                                    std::vector<audit::Event>& events) {
  if (auto error = ask_policy(bench, {item}, action, request_id, events)) return error;
  const auto& asked = judge.requester();
  if (!asked || asked->name == bench.session.identity().user) return std::nullopt;
  const Identity requester{asked->name, asked->role};
  std::vector<audit::Event> refusals;
  auto error = ask_policy(bench, {item}, action, request_id, refusals, &requester);
  if (error) std::ranges::move(refusals, std::back_inserter(events));
  return error;
}

}  // namespace

std::vector<CertificateItem> approved_again(Workbench& bench, const std::string& request_id,
                                            PolicyRequest::Action action, std::vector<CertificateItem> items) {
  std::vector<CertificateItem> approved, refused;
  std::vector<audit::Event> events;
  PlanJudge judge(bench, operations::get(bench.db, request_id));
  for (auto& item : items) {
    if (!item.certificate) {
      take_rules(bench, item);
      if (is_for_another(bench, item)) item.approved_by.clear();
      item.error = without_need(bench, item);
      if (!item.error) item.error = judge.against(item);
      if (!item.error) item.error = policy_refusal(bench, judge, item, action, request_id, events);
    }
    (item.error ? refused : approved).push_back(std::move(item));
  }
  if (events.empty() && refused.empty()) return approved;
  bench.db.transaction(sql::Access::write, [&] {
    audit::append(bench.db, bench.session.identity().user, events, bench.head_signer);
    for (const auto& item : refused) operations::note_error(bench, request_id, item.position, item.target, *item.error);
  });
  return approved;
}

CertificateAnswer resume_certificates(Workbench& bench, const std::string& request_id, const std::string& kind,
                                      std::string_view outcome, const std::function<void()>& before_end) {
  const auto action = kind == "renew" ? PolicyRequest::Action::renew : PolicyRequest::Action::resume;
  auto items = within_operation(
      request_id, [&] { return approved_again(bench, request_id, action, load_certificate_items(bench, request_id)); });
  run_certificate_items(bench, request_id, items);
  if (before_end) before_end();
  return finish_resumed(bench, request_id, items, outcome);
}

}  // namespace ymgr
