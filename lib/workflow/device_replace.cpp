#include "workflow/device_replace.hpp"

#include <algorithm>
#include <set>

#include "base/error.hpp"
#include "base/ids.hpp"
#include "base/text.hpp"
#include "workflow/device_admin.hpp"
#include "workflow/device_owners.hpp"
#include "workflow/issue.hpp"
#include "workflow/license.hpp"

namespace ymgr {
namespace {

struct ReissueItem : Item {
  std::string cert_id;      // the old certificate
  std::string with, owner;  // the YubiKey that gets the new one, and whose it must be
  std::string issued;       // cert_id of the new one
  bool overwrite = false;
  bool unchanged = false;  // it stood there already

  Json journal() const {
    return Json::object({{"cert_id", cert_id},
                         {"with", with},
                         {"owner", owner},
                         {"issued", issued},
                         {"overwrite", overwrite},
                         {"unchanged", unchanged}});
  }
};

ReissueItem item_from(const StoredItem& stored) {
  ReissueItem item;
  restore(item, stored);
  item.cert_id = stored.data.at("cert_id").text();
  item.with = stored.data.at("with").text();
  item.owner = stored.data.text_or("owner", "");
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

/// The audit event that notes it as lost; nullopt: it is not lost.
std::optional<audit::Row> loss_of(sql::Connection& db, const DeviceRow& device) {
  if (device.status != DeviceStatus::lost) return std::nullopt;
  const auto last = audit::list(db, {.event = "device.lost", .target = device.serial, .limit = -1});
  return last.empty() ? std::nullopt : std::optional(last.front());
}

/// The number of the audit event that took a hold off last; 0: none did.
std::int64_t last_unheld(sql::Connection& db, const CertificateRow& row) {
  std::int64_t last = 0;
  for (const auto& event : audit::list(db, {.event = "unheld", .target = row.name}))
    if (text_in(journaled(event.data), "cert_id") == row.cert_id) last = event.seq;
  return last;
}

/// Not earlier, nor later for another reason. Others may have raised the reason since.
bool is_revoked_with(sql::Connection& db, const audit::Row& loss, const CertificateRow& row) {
  const auto revoked =
      audit::list(db, {.event = "revoked", .target = row.cert_id, .after_seq = last_unheld(db, row), .limit = 1});
  if (revoked.empty() || revoked.front().seq < loss.seq) return false;
  const auto asked =
      audit::list(db, {.request_id = revoked.front().request_id, .event = "revoke.requested", .limit = 1});
  const auto note = revocation_note(loss.target, DeviceStatus::lost);
  return !asked.empty() && text_in(journaled(asked.front().data), "note").starts_with(note);
}

bool has_successor(sql::Connection& db, const CertificateRow& row) {
  return std::ranges::any_of(inventory::lineage(db, row),
                             [&](const CertificateRow& other) { return other.renewed_from == row.cert_id; });
}

/// The newest certificate of each slot that is active, or was when the YubiKey was lost.
std::vector<CertificateRow> certificates_of(Workbench& bench, const DeviceRow& device) {
  const auto loss = loss_of(bench.db, device);
  std::vector<CertificateRow> rows;
  for (const auto& id : devices::unexpired_certificates(bench.db, device.serial, now())) {
    auto row = row_of(bench.db, id);
    const bool with_loss = row.status == CertificateStatus::revoked && loss && is_revoked_with(bench.db, *loss, row) &&
                           !has_successor(bench.db, row);
    if (row.status == CertificateStatus::active || with_loss) rows.push_back(std::move(row));
  }
  std::ranges::stable_sort(rows, std::ranges::greater(), &CertificateRow::issued_at);
  std::ranges::stable_sort(rows, std::ranges::less(), &CertificateRow::slot);
  const auto same_slot = [](const CertificateRow& one, const CertificateRow& other) { return one.slot == other.slot; };
  rows.erase(std::unique(rows.begin(), rows.end(), same_slot), rows.end());
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

std::string command_for(const std::string& serial, const std::string& with) {
  return "ymgr device replace " + serial + " --with " + with;
}

void require_enrolled(const DeviceRow& next) {
  if (next.status == DeviceStatus::enrolled) return;
  throw Error(Code::device_state, "the YubiKey " + next.serial + " is " + std::string(to_string(next.status)),
              "ymgr enroll --device " + next.serial);
}

[[noreturn]] void refuse_owner(const DeviceRow& next, const std::string& wanted, const std::string& serial) {
  throw Error(Code::device_state, "the YubiKey " + next.serial + " belongs to " + next.owner + ", not to " + wanted,
              "if it is to be theirs, ymgr device assign " + next.serial + " " + shell_quote(wanted) + ", then " +
                  command_for(serial, next.serial));
}

/// Another person's key may become the owner's while nobody works with it, and nobody has decided that it is not theirs.
DeviceRow next_for(Workbench& bench, const DeviceRow& old, const std::string& with) {
  auto next = devices::get(bench.db, with);
  require_enrolled(next);
  if (next.owner == old.owner) return next;
  const bool in_use = next.pin_mode == PinMode::user || !devices::active_certificates(bench.db, with, now()).empty();
  const bool given_away = old.replaced_by == with;
  if (in_use || given_away) refuse_owner(next, old.owner, old.serial);
  return next;
}

/// What was so when the operation began may have changed while it was open.
void require_still_theirs(sql::Connection& db, const ReissueItem& item, const std::string& serial) {
  const auto next = devices::get(db, item.with);
  if (devices::get(db, serial).replaced_by != item.with)
    throw Error(Code::device_state, "the YubiKey " + item.with + " does not replace " + serial + " any more",
                command_for(serial, item.with));
  require_enrolled(next);
  if (next.owner != item.owner) refuse_owner(next, item.owner, serial);
}

struct ReissuePorts {
  Workbench& bench;
  const std::string& request_id;
};

/// An issue that was begun before is found by its inputs and finished.
Progress reissue(ReissueItem& item, ReissuePorts& ports, Attempt) {
  auto& bench = ports.bench;
  const auto row = row_of(bench.db, item.cert_id);
  require_still_theirs(bench.db, item, row.device);
  if (const auto there = successor_on(bench.db, row, item.with)) {
    item.issued = there->cert_id;
    item.unchanged = true;
    return Progress::done;
  }
  operations::keep_lease(bench, ports.request_id, operations::longest_lease);
  IssueOptions options;
  options.when_active = WhenActive::another;
  options.licensed = true;
  auto request = request_like(bench, row, item.with, item.overwrite);
  request.owner = item.owner;
  const auto answer = issue(bench, {std::move(request)}, options);
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
  add_failed(
      answer, std::move(who),
      item.error.value_or(Error(Code::resumable, old.name + " stopped half-way", "ymgr resume " + shell_quote(id))));
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
    item.owner = old.owner;
    item.overwrite = options.overwrite;
    op.items.push_back({row.key_reference, item.journal()});
  }
  return op;
}

/// In the caller's transaction. false: it was so already.
bool mark_replaced(Workbench& bench, const DeviceRow& old, const std::string& with, Time ends,
                   const std::string& request, const std::string& note) {
  const auto next = next_for(bench, old, with);
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

GraceEnd grace_end_of(Workbench& bench, DeviceRow device) {
  GraceEnd end{std::move(device), {}, {}};
  const auto newest = certificates_of(bench, end.device);  // the one of each slot that is issued anew
  for (const auto& id : devices::active_certificates(bench.db, end.device.serial, now())) {
    auto row = row_of(bench.db, id);
    const auto same_slot = std::ranges::find(newest, row.slot, &CertificateRow::slot);
    const bool followed =
        same_slot != newest.end() && successor_on(bench.db, *same_slot, end.device.replaced_by).has_value();
    (followed ? end.superseded : end.left).push_back(std::move(row));
  }
  return end;
}

Json ids_of(const std::vector<CertificateRow>& rows) {
  Json ids = Json::array();
  for (const auto& row : rows) ids.push(row.cert_id);
  return ids;
}

/// In the caller's transaction.
void record_end(Workbench& bench, const GraceEnd& end) {
  const auto& device = end.device;
  for (const auto& row : end.superseded) inventory::supersede(bench.db, row.cert_id);
  if (end.left.empty()) devices::set_replaced(bench.db, device.serial, device.replaced_by, std::nullopt, now());
  if (end.left.empty() && device.status == DeviceStatus::enrolled)
    devices::set_status(bench.db, device.serial, DeviceStatus::retired, "replaced by " + device.replaced_by, now());
  audit::append(
      bench.db, bench.session.identity().user,
      {{new_id("req", now()), "device.superseded", device.serial,
        Json::object(
            {{"with", device.replaced_by}, {"certificates", ids_of(end.superseded)}, {"left", ids_of(end.left)}})}},
      bench.head_signer);
}

}  // namespace

ReplaceAnswer replace_device(Workbench& bench, const std::string& serial, const std::string& with,
                             const ReplaceOptions& options) {
  bench.session.require(Right::manage_devices);
  ReplaceAnswer answer{devices::get(bench.db, serial), with, {}};
  auto& old = answer.row;
  if (serial == with) throw Error(Code::usage, "a YubiKey can't replace itself", "name the new one with --with");
  const DeviceRow next = next_for(bench, old, with);
  if (next.owner != old.owner) require_room(bench, old.owner, with);
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
  const auto unlicensed = options.issue ? license_refusal(bench) : std::nullopt;
  bool marked = false, begun = false;
  std::optional<operations::Earlier> earlier;
  bench.db.transaction(sql::Access::write, [&] {
    earlier = options.issue ? operations::find_earlier(bench, op) : std::nullopt;
    begun = options.issue && !earlier && !op.items.empty();
    if (begun && unlicensed) return;
    marked = mark_replaced(bench, old, with, ends, op.request_id, options.note);
    if (begun) operations::create(bench, op);
  });
  if (begun && unlicensed) refuse_unlicensed(bench, serial, *unlicensed);
  old = devices::get(bench.db, serial);
  if (next.owner != old.owner) tell_owner(bench, next.owner);
  tell_owner(bench, old.owner);
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

std::vector<GraceEnd> ended_graces(Workbench& bench) {
  std::vector<GraceEnd> ends;
  for (auto& device : devices::grace_ended(bench.db, now())) ends.push_back(grace_end_of(bench, std::move(device)));
  return ends;
}

std::vector<GraceEnd> supersede_replaced(Workbench& bench) {
  auto ends = ended_graces(bench);
  for (const auto& end : ends)
    if (end.changes()) bench.db.transaction(sql::Access::write, [&] { record_end(bench, end); });
  return ends;
}

std::string reissue_hint(const GraceEnd& end, const CertificateRow& row) {
  return command_for(end.device.serial, end.device.replaced_by) + ", with --force if slot " + row.slot +
         " of the new one may be overwritten; or ymgr revoke " + row.cert_id;
}

}  // namespace ymgr
