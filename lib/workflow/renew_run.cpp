#include "workflow/renew_run.hpp"

#include <algorithm>

#include "base/ids.hpp"
#include "inventory/tracked.hpp"

namespace ymgr {
namespace {

std::vector<Installation> places_of(const std::vector<CertificateItem>& items) {
  std::vector<Installation> places;
  for (const auto& item : items)
    if (item.place) places.push_back(*item.place);
  return places;
}

}  // namespace

Json manner_of(const RenewOptions& options) {
  return Json::object({{"new_key", options.key == KeyChoice::fresh},
                       {"key", options.algorithm ? Json(to_string(*options.algorithm)) : Json()},
                       {"validity", options.validity ? Json(format_duration(*options.validity)) : Json()},
                       {"csr", options.csr.empty() ? Json() : Json(hex(sha256(options.csr)))}});
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

void run_with_hooks(Workbench& bench, const NewOperation& op, std::vector<CertificateItem> items, RenewAnswer& answer) {
  for (std::size_t i = 0; i < items.size(); ++i) items[i].position = i;
  for (auto& item : items)
    if (item.key_reused && item.key_box.empty()) item.key_box = bench.stores.key_box(item.key_reference);
  hooks::around(bench, op.request_id, places_of(items), answer.hooks, [&](const auto& before_end) {
    run_certificate_items(bench, op.request_id, items);
    before_end();
    static_cast<CertificateAnswer&>(answer) =
        finish_certificates(bench, op.request_id, op.kind, op.target, items, "renewed");
  });
}

void set_exit(RenewAnswer& answer) {
  if (answer.exit == 0 && answer.hooks.failed > 0) answer.exit = 10;
}

void repeat_renewal(Workbench& bench, const operations::Earlier& earlier, RenewAnswer& answer) {
  if (!earlier.ended) {
    answer = resume_renewal(bench, earlier.request_id, answer.hooks.tried);
    return;
  }
  static_cast<CertificateAnswer&>(answer) = stored_answer(bench, earlier.request_id, "renewed");
  answer.hooks += hooks::run_pending(bench, {}, answer.hooks.tried);  // owed until they succeed
}

std::optional<Time> next_expiry(sql::Connection& db) {
  std::optional<Time> next;
  db.run("SELECT min(expires_at) FROM certificates WHERE status = 'active'", {}, [&](const sql::Row& row) {
    if (!row.is_null(0)) next = from_micros(row.integer(0));
  });
  if (const auto watched = tracked::next_expiry(db)) next = std::min(next.value_or(*watched), *watched);
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

}  // namespace ymgr
