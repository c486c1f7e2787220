#include "workflow/approval.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/text.hpp"
#include "workflow/journaled_plan.hpp"

namespace ymgr {
namespace {

void require_second_person(Workbench& bench, const StoredOperation& op) {
  bench.session.require(Right::approve);
  if (op.actor == bench.session.identity().user)
    throw Error(Code::role_denied, "nobody approves the own request " + op.request_id, "ask somebody else");
}

/// Also what somebody approved whose signature then failed: whoever approves now takes their place.
std::vector<CertificateItem> awaiting(Workbench& bench, const std::string& request_id) {
  std::vector<CertificateItem> items;
  for (const auto& stored : operations::items(bench.db, request_id)) {
    if (stored.status != "open" && stored.status != "waiting") continue;
    auto item = CertificateItem::from(stored);
    if (item.needs_approval && item.state == "csr_created") items.push_back(std::move(item));
  }
  return items;
}

bool is_same(const std::vector<CertificateItem>& a, const std::vector<CertificateItem>& b) {
  const auto text = [](const CertificateItem& item) { return std::pair(item.position, dump_json(item.journal())); };
  return std::ranges::equal(a, b, {}, text, text);
}

/// What a look at it has to show besides, and what speaks against it.
void look_at(Workbench& bench, ApprovalRequest& request) {
  PlanJudge judge(bench, request.operation);
  for (auto& item : request.items) {
    if (!request.against) request.against = judge.against(item);
    if (auto row = inventory::by_id(bench.db, item.renewed_from))
      request.replaced.emplace(row->cert_id, std::move(*row));
  }
}

/// Notes who approved what was looked at; nothing else may have been put in its place meanwhile.
void grant(Workbench& bench, const ApprovalRequest& request, std::vector<CertificateItem>& items,
           std::string_view note) {
  const auto& id = request.operation.request_id;
  bench.db.transaction(sql::Access::write, [&] {
    items = awaiting(bench, id);
    if (!is_same(items, request.items))
      throw Error(Code::version_conflict, "the request " + id + " was changed meanwhile",
                  "look at it again: ymgr operation approve " + shell_quote(id));
    std::vector<audit::Event> events;
    for (auto& item : items) {
      item.approved_by = bench.session.identity().user;
      bench.db.run("UPDATE operation_items SET data = $1, updated_at = $2 WHERE request_id = $3 AND position = $4",
                   {dump_json(item.journal()), to_micros(now()), id, static_cast<std::int64_t>(item.position)});
      events.push_back({id, "approved", item.target, Json::object({{"note", note}})});
    }
    audit::append(bench.db, bench.session.identity().user, events, bench.head_signer);
  });
}

const CertificateAnswer& certificates_of(const ResumeAnswer& resumed) {
  if (const auto* renewed = std::get_if<RenewAnswer>(&resumed.answer)) return *renewed;
  return std::get<CertificateAnswer>(resumed.answer);
}

/// Nothing of it ends at a place that only the requester has.
bool ends_here(Workbench& bench, const ApprovalRequest& request) {
  const auto elsewhere = [](const CertificateItem& item) { return item.card || !item.installation.empty(); };
  return bench.session.has_data_key() || std::ranges::none_of(request.items, elsewhere);
}

}  // namespace

ApprovalRequest approval_request(Workbench& bench, std::string_view id) {
  ApprovalRequest request;
  request.operation = operations::get(bench.db, id);
  const auto& op = request.operation;
  require_second_person(bench, op);
  if (op.state != "open" && op.state != "waiting")
    throw Error(Code::operation_ended, "the operation " + op.request_id + " has ended: " + op.state,
                "ymgr operation show " + shell_quote(op.request_id));
  if (op.kind == "issue" || op.kind == "renew") request.items = awaiting(bench, op.request_id);
  if (request.items.empty())
    throw Error(Code::usage, "the operation " + op.request_id + " waits for nobody's approval",
                "ymgr operation show " + shell_quote(op.request_id));
  look_at(bench, request);
  return request;
}

CertificateAnswer approve(Workbench& bench, const ApprovalRequest& request, std::string_view note) {
  const auto& op = request.operation;
  require_second_person(bench, op);
  if (request.against) throw Error(*request.against);
  operations::take_over_to_approve(bench, op.request_id);
  return within_operation(op.request_id, [&] {
    std::vector<CertificateItem> items;
    grant(bench, request, items, note);
    const auto action = op.kind == "renew" ? PolicyRequest::Action::renew : PolicyRequest::Action::resume;
    items = approved_again(bench, op.request_id, action, std::move(items));
    sign_certificate_items(bench, op.request_id, items);
    const std::string_view outcome = op.kind == "renew" ? "renewed" : "issued";
    if (ends_here(bench, request)) return certificates_of(go_on(bench, op));
    return finish_resumed(bench, op.request_id, items, outcome);
  });
}

void deny(Workbench& bench, const ApprovalRequest& request, std::string_view note) {
  const auto& op = request.operation;
  require_second_person(bench, op);
  const Error reason(Code::approval_denied, bench.session.identity().user + " denied the request " + op.request_id +
                                                (note.empty() ? std::string() : ": " + std::string(note)));
  operations::deny(bench, op.request_id, reason, note);
}

}  // namespace ymgr
