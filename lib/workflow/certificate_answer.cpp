// What issue and renew answer of their items, now and when asked again.
#include <algorithm>

#include "base/ids.hpp"
#include "base/text.hpp"
#include "workflow/card_steps.hpp"
#include "workflow/certificate_item.hpp"

namespace ymgr {

std::string_view waiting_state(const CertificateItem& item) {
  return awaits_approval(item) ? "waiting_approval" : "waiting_device";
}

namespace {

Json answer_row(const CertificateItem& item, const CertificateRow& row, std::string_view outcome) {
  Json json = inventory::to_json(row, now(), inventory::WithPem::yes);
  json.set("success", true);
  json.set("result", outcome);
  json.set("key", item.key_reused ? "reused" : item.key_place == KeyPlace::external ? "external" : "new");
  if (item.place) json.set("files", installation::to_json(*item.place));
  if (item.card) {
    json.set("key_checked", item.card->checked);
    json.set("displaced", Json::texts(item.card->displaced));
  }
  return json;
}

/// The rows of what is done.
std::map<std::string, CertificateRow> rows_of(Workbench& bench, const std::vector<CertificateItem>& items) {
  std::vector<std::string> ids;
  for (const auto& item : items)
    if (item.status == Item::Status::done) ids.push_back(item.cert_id);
  return ids.empty() ? std::map<std::string, CertificateRow>() : inventory::by_ids(bench.db, ids);
}

const CertificateRow& row_of(const std::map<std::string, CertificateRow>& rows, const CertificateItem& item) {
  const auto found = rows.find(item.cert_id);
  if (found == rows.end()) throw Error(Code::internal, "the inventory has no " + item.cert_id);
  return found->second;
}

/// Parked: nothing is wrong, somebody must do something.
Json waiting(const CertificateItem& item, const std::string& request_id) {
  return Json::object(
      {{"name", item.name},
       {"success", true},
       {"result", "waiting"},
       {"state", waiting_state(item)},
       {"profile", item.profile},
       {"owner", item.owner},
       {"suggestion", awaits_approval(item) ? "ymgr operation approve " + shell_quote(request_id) + ", by somebody else"
                                            : "ymgr resume " + shell_quote(resume_id(request_id))}});
}

Json failed(const CertificateItem& item, const Error& error) {
  return failed_item(Json::object({{"name", item.name}, {"state", item.state}}), error);
}

/// Neither done nor failed, and nothing is known to stand in its way.
Error unfinished(const CertificateItem& item, const std::string& request_id) {
  return Error(Code::resumable, item.name + " stopped half-way, at " + item.state,
               "ymgr resume " + shell_quote(resume_id(request_id)));
}

/// This process changed something that stays.
bool has_changed(const CertificateItem& item) {
  return item.status == Item::Status::done || ((is_issued(item) || is_lost(item)) && !item.issuer_id.empty());
}

CertificateAnswer answer_of(Workbench& bench, const std::string& request_id, const std::vector<CertificateItem>& items,
                            std::string_view outcome) {
  CertificateAnswer answer;
  answer.request_id = request_id;
  const auto rows = rows_of(bench, items);
  for (const auto& item : items) {
    if (item.status == Item::Status::done) {
      answer.items.push_back(answer_row(item, row_of(rows, item), outcome));
      answer.exits.push_back(0);
    } else if (item.status == Item::Status::waiting) {
      answer.items.push_back(waiting(item, request_id));
      answer.exits.push_back(0);
    } else {
      const Error error = item.error ? *item.error : unfinished(item, request_id);
      answer.items.push_back(failed(item, error));
      answer.exits.push_back(exit_status(error.kind()));
    }
  }
  answer.exit = batch_exit(answer.exits);
  return answer;
}

std::vector<CertificateItem> journaled_items(Workbench& bench, const std::string& request_id) {
  std::vector<CertificateItem> items;
  for (const auto& stored : operations::items(bench.db, request_id)) {
    auto item = CertificateItem::from(stored);
    if (stored.error.is_object()) item.error = failure_from(stored.error);
    if (item.status == Item::Status::done && !item.installation.empty())
      item.place = installation::load(bench.installations, item.installation);
    items.push_back(std::move(item));
  }
  return items;
}

/// `ran`: those of `items` that this process worked on.
CertificateAnswer finish(Workbench& bench, const StoredOperation& op, const std::vector<CertificateItem>& items,
                         const std::vector<CertificateItem>& ran, std::string_view outcome) {
  const TraceSpan span("answer");
  auto answer = answer_of(bench, op.request_id, items, outcome);
  answer.changed = std::ranges::any_of(ran, has_changed);
  answer.state = operations::end(bench, op.request_id, op.kind, op.target,
                                 Json::object({{"items", items.size()}, {"exit", answer.exit}}));
  answer.resumable = answer.state == "open" || answer.state == "waiting";
  const auto parked = std::ranges::find(items, Item::Status::waiting, &CertificateItem::status);
  if (answer.state == "waiting" && parked != items.end()) answer.state = waiting_state(*parked);
  return answer;
}

}  // namespace

CertificateAnswer finish_certificates(Workbench& bench, const std::string& request_id, const std::string& kind,
                                      const std::string& target, const std::vector<CertificateItem>& items,
                                      std::string_view outcome) {
  StoredOperation op;
  op.request_id = request_id;
  op.kind = kind;
  op.target = target;
  return within_operation(request_id, [&] { return finish(bench, op, items, items, outcome); });
}

CertificateAnswer finish_resumed(Workbench& bench, const std::string& request_id,
                                 const std::vector<CertificateItem>& ran, std::string_view outcome) {
  return within_operation(request_id, [&] {
    auto items = journaled_items(bench, request_id);
    for (const auto& item : ran) items.at(item.position) = item;  // knows more than a journal that can't be written
    return finish(bench, operations::get(bench.db, request_id), items, ran, outcome);
  });
}

CertificateAnswer stored_answer(Workbench& bench, const std::string& request_id, std::string_view outcome) {
  const auto op = operations::get(bench.db, request_id);
  if (op.state == "refused") throw failure_from(op.result);
  if (op.state == "abandoned")
    throw Error(Code::operation_ended, "the operation " + request_id + " was abandoned",
                "ask again under another request id");
  auto answer = answer_of(bench, request_id, journaled_items(bench, request_id), outcome);
  answer.state = op.state;
  return answer;
}

}  // namespace ymgr
