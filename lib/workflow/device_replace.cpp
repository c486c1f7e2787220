#include "workflow/device_replace.hpp"

#include <algorithm>
#include <set>

#include "base/error.hpp"
#include "base/ids.hpp"
#include "base/text.hpp"
#include "workflow/issue.hpp"

namespace ymgr {
namespace {

struct ReissueItem : Item {
  std::string cert_id, with, issued;  // the old certificate; the YubiKey that gets the new one; its cert_id
  bool overwrite = false;
  bool unchanged = false;  // it stood there already

  Json journal() const {
    return Json::object(
        {{"cert_id", cert_id}, {"with", with}, {"issued", issued}, {"overwrite", overwrite}, {"unchanged", unchanged}});
  }
};

ReissueItem item_from(const StoredItem& stored) {
  ReissueItem item;
  restore(item, stored);
  item.cert_id = stored.data.at("cert_id").text();
  item.with = stored.data.at("with").text();
  item.issued = stored.data.text_or("issued", "");
  item.overwrite = stored.data.boolean_or("overwrite", false);
  item.unchanged = stored.data.boolean_or("unchanged", false);
  if (stored.error.is_object() && item.status != Item::Status::done) item.error = failure_from(stored.error);
  return item;
}

CertificateRow row_of(sql::Connection& db, const std::string& cert_id) {
  if (auto row = inventory::by_id(db, cert_id)) return std::move(*row);
  throw Error(Code::internal, "the inventory has no " + cert_id);
}

/// When it was noted as lost; nullopt: it is not lost.
std::optional<Time> lost_since(sql::Connection& db, const DeviceRow& device) {
  if (device.status != DeviceStatus::lost) return std::nullopt;
  const auto last = audit::list(db, {.event = "device.lost", .target = device.serial, .limit = -1});
  if (last.empty()) return std::nullopt;
  return floor_seconds(last.front().at);  // as dates of revocation are
}

bool has_successor(sql::Connection& db, const CertificateRow& row) {
  return std::ranges::any_of(inventory::lineage(db, row),
                             [&](const CertificateRow& other) { return other.renewed_from == row.cert_id; });
}

/// The newest certificate of each slot that is active, or was when the YubiKey was lost.
std::vector<CertificateRow> certificates_of(Workbench& bench, const DeviceRow& device) {
  const auto lost = lost_since(bench.db, device);
  std::vector<CertificateRow> rows;
  for (const auto& id : devices::unexpired_certificates(bench.db, device.serial, now())) {
    auto row = row_of(bench.db, id);
    const bool with_loss = lost && row.revoked_at && *row.revoked_at >= *lost && !has_successor(bench.db, row);
    if (row.status == CertificateStatus::active || with_loss) rows.push_back(std::move(row));
  }
  std::ranges::stable_sort(rows, std::ranges::greater(), &CertificateRow::issued_at);
  std::ranges::stable_sort(rows, std::ranges::less(), &CertificateRow::slot);
  const auto doubled = std::ranges::unique(rows, std::ranges::equal_to(), &CertificateRow::slot);
  rows.erase(doubled.begin(), doubled.end());
  return rows;
}

IssueRequest request_like(Workbench& bench, const CertificateRow& row, const std::string& with, bool overwrite) {
  IssueRequest request;
  request.name = row.name;
  request.sans = row.sans;
  request.profile = row.profile;
  request.key = parse_key_algorithm(row.key_algorithm);
  request.validity = row.expires_at - row.not_before + std::chrono::seconds(1);
  request.labels = row.labels;
  request.renew_before = row.renew_before;
  request.card = card_key_of(bench, row).place;
  request.card->serial = with;
  request.card->overwrite = overwrite;
  return request;
}

/// What does the same by hand.
std::string command_like(const CertificateRow& row, const std::string& with) {
  std::string command = "ymgr issue " + shell_quote(row.name) + " --profile " + row.profile + " --device " + with +
                        " --slot " + row.slot + " --key " + row.key_algorithm + " --another";
  for (const auto& san : row.sans) command += " --san " + shell_quote(to_string(san));
  return command;
}

/// Recorded, and its operation has written it to the card, too.
bool is_settled(sql::Connection& db, const CertificateRow& row) {
  const auto op = operations::find(db, row.request_id);
  if (!op) return true;
  if (op->state == "open" || op->state == "waiting") return false;
  return std::ranges::none_of(operations::items(db, row.request_id), [&](const StoredItem& item) {
    return item.data.text_or("cert_id", "") == row.cert_id && item.status != "done";
  });
}

std::optional<CertificateRow> successor_on(sql::Connection& db, const CertificateRow& row, const std::string& with) {
  for (auto& there : inventory::active_in_slot(db, with, row.slot, now()))
    if (there.name == row.name && there.profile == row.profile && there.sans == row.sans && is_settled(db, there))
      return std::move(there);
  return std::nullopt;
}

struct ReissuePorts {
  Workbench& bench;
  const std::string& request_id;
};

/// An issue that was begun before is found by its inputs and finished.
Progress reissue(ReissueItem& item, ReissuePorts& ports, Attempt) {
  auto& bench = ports.bench;
  const auto row = row_of(bench.db, item.cert_id);
  if (const auto there = successor_on(bench.db, row, item.with)) {
    item.issued = there->cert_id;
    item.unchanged = true;
    return Progress::done;
  }
  constexpr Duration longest = std::chrono::minutes(15);  // an RSA key, and fingers
  operations::keep_lease(bench, ports.request_id, longest);
  IssueOptions options;
  options.when_active = WhenActive::another;
  const auto answer = issue(bench, {request_like(bench, row, item.with, item.overwrite)}, options);
  const auto& made = answer.items.at(0);
  if (!made.boolean_or("success", false)) throw failure_from(made);
  item.issued = made.at("cert_id").text();
  return Progress::done;
}

Record record_reissued(const ReissueItem& item) {
  return [replaced = item.cert_id, issued = item.issued](Recording& recording) {
    recording.audit = Json::object({{"cert_id", issued}, {"replaces", replaced}});
  };
}

constexpr Step<ReissueItem, ReissuePorts> steps[] = {{"reissued", Durability::before_next, reissue, record_reissued}};

Json who_of(const CertificateRow& row, const std::string& owner, const std::string& with) {
  return Json::object({{"name", row.name},
                       {"profile", row.profile},
                       {"slot", row.slot},
                       {"owner", owner},
                       {"replaces", row.cert_id},
                       {"command", command_like(row, with)}});
}

void add(CertificateAnswer& answer, Json item, int exit) {
  answer.items.push_back(std::move(item));
  answer.exits.push_back(exit);
}

void add_failed(CertificateAnswer& answer, Json who, const Error& error) {
  add(answer, failed_item(std::move(who), error), exit_status(error.kind()));
}

void add_item(Workbench& bench, CertificateAnswer& answer, const ReissueItem& item) {
  const auto old = row_of(bench.db, item.cert_id);
  auto who = who_of(old, devices::get(bench.db, item.with).owner, item.with);
  if (item.status == Item::Status::done) {
    const auto made = row_of(bench.db, item.issued);
    who.set("success", true).set("result", item.unchanged ? "unchanged" : "issued");
    who.set("cert_id", made.cert_id).set("expires_at", format_time(made.expires_at));
    return add(answer, std::move(who), 0);
  }
  const auto id = resume_id(answer.request_id);
  add_failed(answer, std::move(who),
             item.error.value_or(Error(Code::resumable, old.name + " stopped half-way", "ymgr resume " + id)));
}

CertificateAnswer run(Workbench& bench, const std::string& request_id, const std::string& serial) {
  CertificateAnswer answer;
  answer.request_id = request_id;
  for (const auto& stored : operations::items(bench.db, request_id)) {
    auto item = item_from(stored);
    if (item.status == Item::Status::open) {
      item.error.reset();
      std::vector<ReissueItem> one{std::move(item)};  // on this thread, which has the secrets
      run_items<ReissueItem, ReissuePorts>(bench, request_id, one, steps, [&] {
        return std::make_unique<ReissuePorts>(ReissuePorts{bench, request_id});
      });
      item = std::move(one.front());
      answer.changed = answer.changed || (item.status == Item::Status::done && !item.unchanged);
    }
    add_item(bench, answer, item);
  }
  answer.exit = batch_exit(answer.exits);
  answer.state = operations::end(bench, request_id, replace_kind, serial,
                                 Json::object({{"items", answer.items.size()}, {"exit", answer.exit}}));
  answer.resumable = answer.state == "open";
  return answer;
}

/// What would be done, or what is left to be done by hand.
CertificateAnswer list_only(Workbench& bench, const std::vector<CertificateRow>& rows, const std::string& owner,
                            const std::string& with, const ReplaceOptions& options) {
  CertificateAnswer answer;
  answer.state = options.dry_run ? "planned" : "done";
  IssueOptions how;
  how.when_active = WhenActive::another;
  how.dry_run = true;
  for (const auto& row : rows) {
    auto who = who_of(row, owner, with);
    try {
      const bool unchanged = successor_on(bench.db, row, with).has_value();
      if (options.issue && !unchanged) issue(bench, {request_like(bench, row, with, options.overwrite)}, how);
      who.set("success", true).set("result", unchanged ? "unchanged" : options.issue ? "planned" : "listed");
      add(answer, std::move(who), 0);
    } catch (const Error& error) {  // one that can't be issued keeps no other from being told
      if (error.code() == Code::interrupted) throw;
      add_failed(answer, std::move(who), error);
    }
  }
  answer.exit = batch_exit(answer.exits);
  return answer;
}

NewOperation operation_of(const DeviceRow& old, const std::string& with, const std::vector<CertificateRow>& rows,
                          const ReplaceOptions& options) {
  NewOperation op;
  op.request_id = new_id("req", now());
  op.kind = replace_kind;
  op.target = old.serial;
  op.inputs = Json::object({{"serial", old.serial}, {"with", with}, {"overwrite", options.overwrite}});
  for (const auto& row : rows) {
    ReissueItem item;
    item.cert_id = row.cert_id;
    item.with = with;
    item.overwrite = options.overwrite;
    op.items.push_back({row.key_reference, item.journal()});
  }
  return op;
}

/// In the caller's transaction. false: it was so already.
bool mark_replaced(Workbench& bench, const DeviceRow& old, const DeviceRow& next, Time ends, const std::string& request,
                   const std::string& note) {
  if (old.replaced_by == next.serial && next.owner == old.owner) return false;
  const Time at = now();
  devices::set_replaced(bench.db, old.serial, next.serial, ends, at);
  devices::set_replaced(bench.db, next.serial, {}, std::nullopt, at);
  devices::set_owner(bench.db, next.serial, old.owner, at);
  audit::append(
      bench.db, bench.session.identity().user,
      {{request, "device.replaced", old.serial,
        Json::object(
            {{"with", next.serial}, {"owner", old.owner}, {"superseded_at", format_time(ends)}, {"note", note}})}},
      bench.head_signer);
  return true;
}

}  // namespace

ReplaceAnswer replace_device(Workbench& bench, const std::string& serial, const std::string& with,
                             const ReplaceOptions& options) {
  bench.session.require(Right::manage_devices);
  ReplaceAnswer answer{devices::get(bench.db, serial), with, {}};
  auto& old = answer.row;
  if (serial == with) throw Error(Code::usage, "a YubiKey can't replace itself", "name the new one with --with");
  const auto next = devices::get(bench.db, with);
  if (next.status != DeviceStatus::enrolled)
    throw Error(Code::device_state, "the YubiKey " + with + " is " + std::string(to_string(next.status)),
                "ymgr enroll --device " + with);
  const bool was_asked = old.replaced_by == with;
  const Time ends = was_asked && old.superseded_at ? *old.superseded_at : now() + options.grace;
  const auto rows = certificates_of(bench, old);
  if (options.dry_run) {
    answer.reissues = list_only(bench, rows, old.owner, with, options);
    old.replaced_by = with;
    if (!was_asked) old.superseded_at = ends;
    return answer;
  }
  const auto op = operation_of(old, with, rows, options);
  bool marked = false, begun = false;
  std::optional<operations::Earlier> earlier;
  bench.db.transaction(sql::Access::write, [&] {
    marked = mark_replaced(bench, old, next, ends, op.request_id, options.note);
    if (options.issue) earlier = operations::find_earlier(bench, op);
    begun = options.issue && !earlier && !op.items.empty();
    if (begun) operations::create(bench, op);
  });
  old = devices::get(bench.db, serial);
  const std::string request_id = earlier ? earlier->request_id : op.request_id;
  answer.reissues =
      earlier || begun ? run(bench, request_id, serial) : list_only(bench, rows, old.owner, with, options);
  answer.reissues.request_id = request_id;
  answer.reissues.changed = answer.reissues.changed || marked;
  return answer;
}

CertificateAnswer resume_replacement(Workbench& bench, const std::string& request_id) {
  bench.session.require(Right::manage_devices);
  return run(bench, request_id, operations::get(bench.db, request_id).target);
}

std::vector<std::string> supersede_replaced(Workbench& bench) {
  std::vector<std::string> retired;
  for (const auto& row : devices::grace_ended(bench.db, now())) {
    const auto ids = devices::active_certificates(bench.db, row.serial, now());
    bench.db.transaction(sql::Access::write, [&] {
      for (const auto& id : ids) inventory::supersede(bench.db, id);
      devices::set_replaced(bench.db, row.serial, row.replaced_by, std::nullopt, now());
      if (row.status == DeviceStatus::enrolled)
        devices::set_status(bench.db, row.serial, DeviceStatus::retired, "replaced by " + row.replaced_by, now());
      audit::append(bench.db, bench.session.identity().user,
                    {{new_id("req", now()), "device.superseded", row.serial,
                      Json::object({{"with", row.replaced_by}, {"certificates", Json::texts(ids)}})}},
                    bench.head_signer);
    });
    retired.push_back(row.serial);
  }
  return retired;
}

}  // namespace ymgr
