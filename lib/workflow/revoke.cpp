#include "workflow/revoke.hpp"

#include <algorithm>
#include <set>

#include "base/files.hpp"
#include "base/ids.hpp"
#include "base/text.hpp"
#include "workflow/installation.hpp"

namespace ymgr {
namespace {

/// One certificate to be revoked.
struct RevokeItem : Item {
  std::string cert_id, name, serial, issuer, public_key_sha256, key_reference, installation;
  Time not_after, revoked_at;
  Reason reason = Reason::unspecified;
  std::optional<Time> invalidity_date;
  bool destroy_key = false;
  std::string destroyed;         // "yes", "no: …", "" when not asked for
  std::string key_file, pkcs12;  // on this host, from the installation file; never journaled

  Json journal() const {
    return Json::object({{"cert_id", cert_id},
                         {"name", name},
                         {"serial", serial},
                         {"issuer", issuer},
                         {"public_key_sha256", public_key_sha256},
                         {"key_reference", key_reference},
                         {"installation", installation},
                         {"not_after", to_micros(not_after)},
                         {"revoked_at", to_micros(revoked_at)},
                         {"reason", to_string(reason)},
                         {"invalidity_date", invalidity_date ? Json(to_micros(*invalidity_date)) : Json()},
                         {"destroy_key", destroy_key},
                         {"destroyed", destroyed}});
  }
};

RevokeItem item_from(const StoredItem& stored) {
  RevokeItem item;
  const Json& json = stored.data;
  item.position = stored.position;
  item.target = stored.target;
  item.state = stored.state;
  item.status = stored.status == "done"   ? Item::Status::done
                : stored.status == "open" ? Item::Status::open
                                          : Item::Status::failed;
  item.attempt = Attempt::again;
  item.cert_id = json.at("cert_id").text();
  item.name = json.at("name").text();
  item.serial = json.at("serial").text();
  item.issuer = json.at("issuer").text();
  item.public_key_sha256 = json.at("public_key_sha256").text();
  item.key_reference = json.at("key_reference").text();
  item.installation = json.at("installation").text();
  item.not_after = from_micros(json.at("not_after").integer());
  item.revoked_at = from_micros(json.at("revoked_at").integer());
  item.reason = reason_of(json.at("reason").text()).value_or(Reason::unspecified);
  if (const auto* date = json.find("invalidity_date"); date && !date->is_null())
    item.invalidity_date = from_micros(date->integer());
  item.destroy_key = json.at("destroy_key").boolean();
  item.destroyed = json.text_or("destroyed", "");
  return item;
}

RevokeItem item_from(const CertificateRow& row, const RevokeOptions& options, Time at) {
  RevokeItem item;
  item.target = row.cert_id;
  item.cert_id = row.cert_id;
  item.name = row.name;
  item.serial = row.serial;
  item.issuer = row.issuer;
  item.public_key_sha256 = row.public_key_sha256;
  item.key_reference = row.key_reference;
  item.installation = row.installation;
  item.not_after = row.expires_at;
  item.revoked_at = floor_seconds(at);
  item.reason = options.reason;
  item.invalidity_date = options.invalidity_date;
  item.destroy_key =
      (options.destroy_key || options.reason == Reason::key_compromise) && row.key_reference != "external";
  return item;
}

struct RevokePorts {};

Progress announce(RevokeItem&, RevokePorts&, Attempt) {
  return Progress::done;
}

Record record_revoked(const RevokeItem& item) {
  return [item](Recording& recording) {
    recording.authority.revoke(item.issuer,
                               {item.serial, item.not_after, item.reason, item.revoked_at, item.invalidity_date});
    inventory::mark_revoked(recording.db, item.cert_id, item.revoked_at, item.reason, item.invalidity_date);
    if (item.reason == Reason::key_compromise)
      inventory::deny_key(recording.db, item.public_key_sha256, "keyCompromise", item.cert_id, item.revoked_at);
    recording.audit =
        Json::object({{"cert_id", item.cert_id}, {"serial_number", item.serial}, {"reason", to_string(item.reason)}});
  };
}

/// Every copy of this key below the installation's folder; later and earlier certificates have keys of their own there.
void destroy_key_files(const RevokeItem& item) {
  if (!item.pkcs12.empty()) remove_file(item.pkcs12);
  if (item.key_file.empty()) return;
  const std::string folder = item.key_file.substr(0, item.key_file.rfind('/'));
  for (const auto& version : list_folder(folder + "/versions"))
    destroy_key_copy(folder + "/versions/" + version + "/privkey.pem", item.public_key_sha256);
  destroy_key_copy(item.key_file, item.public_key_sha256);
  if (!exists(item.key_file)) remove_file(item.key_file);  // a link to what is gone
}

/// The operation that issued it may have kept the key for a delivery that failed or is still to come.
void forget_journaled_key(sql::Connection& db, const std::string& cert_id) {
  const auto row = inventory::by_id(db, cert_id);
  if (!row) return;
  for (auto& stored : operations::items(db, row->request_id)) {
    if (stored.data.text_or("cert_id", "") != cert_id || !stored.data.erase("key_box")) continue;
    const bool open = stored.status == "open" || stored.status == "waiting";
    db.run("UPDATE operation_items SET data = $1, status = $2, updated_at = $3 WHERE request_id = $4 AND position = $5",
           {dump_json(stored.data), open ? std::string_view("abandoned") : std::string_view(stored.status),
            to_micros(now()), row->request_id, static_cast<std::int64_t>(stored.position)});
  }
}

Progress destroy(RevokeItem& item, RevokePorts&, Attempt) {
  if (!item.destroy_key) return Progress::done;
  if (item.key_reference.starts_with("sealed:") || !item.key_file.empty() || !item.pkcs12.empty()) {
    item.destroyed = "yes";
  } else {
    item.destroyed = "no: the key is a file of another host or was moved";
  }
  return Progress::done;
}

Record record_destroyed(const RevokeItem& item) {
  return [item](Recording& recording) {
    if (!item.destroy_key) return;
    if (item.key_reference.starts_with("sealed:"))
      destroy_key(recording.db, item.key_reference);
    else
      destroy_key_files(item);
    forget_journaled_key(recording.db, item.cert_id);
    recording.audit = Json::object({{"key_reference", item.key_reference}, {"destroyed", item.destroyed}});
  };
}

constexpr Step<RevokeItem, RevokePorts> steps[] = {{"revoked", Durability::before_next, announce, record_revoked},
                                                   {"key_settled", Durability::grouped, destroy, record_destroyed}};

/// A PKCS#12 file holds the key of the newest certificate of its installation.
bool is_newest_key(Workbench& bench, const RevokeItem& item) {
  for (const auto& row : inventory::by_name(bench.db, item.name))
    if (row.installation == item.installation && row.host == bench.self.host)
      return row.public_key_sha256 == item.public_key_sha256;
  return false;
}

void find_key_files(Workbench& bench, std::vector<RevokeItem>& items) {
  for (auto& item : items) {
    if (!item.destroy_key || item.installation.empty()) continue;
    const auto place = installation::load(bench.installations, item.installation);
    if (!place || installation::key_reference(*place) != item.key_reference) continue;
    if (!place->out.empty()) item.key_file = place->out + "/privkey.pem";
    if (!place->pkcs12.empty() && is_newest_key(bench, item)) item.pkcs12 = place->pkcs12;
  }
}

/// A new CRL, written out and read back: is every serial on it?
void confirm(Workbench& bench, const std::vector<RevokeItem>& items, RevokeAnswer& answer) {
  bench.db.transaction(sql::Access::write, [&] { bench.authority.refresh_crls(false); });
  publish_ca_files(bench.db, bench.ca_folder);
  const Time at = now();
  for (const auto& item : items) {
    if (item.state == "planned" || item.not_after <= at) continue;
    const auto crl = bench.authority.crl(item.issuer);
    const bool listed = crl && crl->find(item.serial);
    answer.crl_confirmed = answer.crl_confirmed.value_or(true) && listed;
    if (crl) answer.crl_number = std::max(answer.crl_number, crl->number);
  }
}

Json answer_item(const RevokeItem& item, std::string_view result, Time at) {
  Json json = Json::object({{"cert_id", item.cert_id},
                            {"name", item.name},
                            {"serial_number", item.serial},
                            {"success", true},
                            {"result", result},
                            {"revocation_reason", to_string(item.reason)},
                            {"revoked_at", format_time(item.revoked_at)},
                            {"expired", item.not_after <= at}});
  json.set("key_destroyed", item.destroy_key ? Json(item.destroyed == "yes") : Json());
  if (item.destroyed.starts_with("no: ")) json.set("key_note", item.destroyed.substr(4));
  return json;
}

Json failed_item(const RevokeItem& item) {
  return Json::object({{"cert_id", item.cert_id},
                       {"name", item.name},
                       {"serial_number", item.serial},
                       {"success", false},
                       {"error", item.error->what()},
                       {"code", info(item.error->code()).text},
                       {"suggestion", item.error->hint()},
                       {"state", item.state}});
}

void run_and_finish(Workbench& bench, const std::string& request_id, const std::string& target,
                    std::vector<RevokeItem> items, RevokeAnswer& answer) {
  find_key_files(bench, items);
  run_items<RevokeItem, RevokePorts>(bench, request_id, items, steps, [] { return std::make_unique<RevokePorts>(); });
  failpoint("crl_signed", "before");
  confirm(bench, items, answer);
  failpoint("crl_signed", "after");
  answer.request_id = request_id;
  answer.state =
      operations::end(bench, request_id, "revoke", target,
                      Json::object({{"crl_confirmed", answer.crl_confirmed ? Json(*answer.crl_confirmed) : Json()},
                                    {"crl_number", answer.crl_number}}));
  answer.resumable = answer.state == "open";
  for (const auto& item : items) {
    answer.items.push_back(item.error ? failed_item(item) : answer_item(item, "revoked", now()));
    answer.exits.push_back(item.error ? exit_status(item.error->kind()) : 0);
    answer.changed = answer.changed || item.state != "planned";
  }
  answer.exit = batch_exit(answer.exits);
}

/// What has been revoked already and would not change.
bool is_settled(const CertificateRow& row, Reason reason) {
  if (row.status != CertificateStatus::revoked) return false;
  const bool raises = reason == Reason::key_compromise && row.revocation_reason != to_string(Reason::key_compromise);
  const bool ends_hold =
      row.revocation_reason == to_string(Reason::certificate_hold) && reason != Reason::certificate_hold;
  return !raises && !ends_hold;
}

void require_free_keys(Workbench& bench, const std::vector<CertificateRow>& targets, const RevokeOptions& options,
                       Time at) {
  if (!options.destroy_key || options.reason == Reason::key_compromise) return;
  std::set<std::string> ids;
  for (const auto& row : targets) ids.insert(row.cert_id);
  for (const auto& row : targets)
    for (const auto& other : inventory::by_public_key(bench.db, row.public_key_sha256))
      if (other.status == CertificateStatus::active && other.expires_at > at && !ids.contains(other.cert_id))
        throw Error(Code::key_in_use,
                    "the key of " + row.cert_id + " is also used by " + other.cert_id + " (" + other.name + ")",
                    "revoke or renew that one first, or leave out --destroy-key");
}

Json settled_json(const CertificateRow& row, Time at) {
  return Json::object({{"cert_id", row.cert_id},
                       {"name", row.name},
                       {"serial_number", row.serial},
                       {"success", true},
                       {"result", "already_revoked"},
                       {"revocation_reason", row.revocation_reason},
                       {"revoked_at", row.revoked_at ? Json(format_time(*row.revoked_at)) : Json()},
                       {"expired", row.expires_at <= at},
                       {"key_destroyed", Json()}});
}

NewOperation plan_revoke(const std::vector<RevokeItem>& items, const RevokeOptions& options, Time at) {
  NewOperation op;
  op.request_id = options.request_id.empty() ? new_id("req", at) : options.request_id;
  op.kind = "revoke";
  Json ids = Json::array();
  for (const auto& item : items) {
    ids.push(item.cert_id);
    op.items.push_back({item.target, item.journal()});
    op.events.push_back({op.request_id, "revoke.requested", item.name,
                         Json::object({{"cert_id", item.cert_id},
                                       {"serial_number", item.serial},
                                       {"reason", to_string(item.reason)},
                                       {"note", options.note}})});
  }
  op.inputs = Json::object(
      {{"certificates", ids}, {"reason", to_string(options.reason)}, {"destroy_key", options.destroy_key}});
  op.target = items.size() == 1 ? items.front().name : std::to_string(items.size()) + " certificates";
  return op;
}

/// And every other unexpired certificate of the same keys.
std::vector<CertificateRow> with_same_keys(Workbench& bench, std::vector<CertificateRow> targets, Time at) {
  std::set<std::string> seen, keys;
  for (const auto& row : targets) {
    seen.insert(row.cert_id);
    keys.insert(row.public_key_sha256);
  }
  for (const auto& key : keys)
    for (const auto& other : inventory::by_public_key(bench.db, key))
      if (other.expires_at > at && seen.insert(other.cert_id).second) targets.push_back(other);
  return targets;
}

}  // namespace

std::vector<CertificateRow> revocation_targets(Workbench& bench, const std::vector<std::string>& arguments,
                                               const Selection& selection, Reason reason) {
  const Time at = now();
  std::vector<CertificateRow> targets;
  std::set<std::string> seen;
  const auto add = [&](const CertificateRow& row) {
    if (seen.insert(row.cert_id).second) targets.push_back(row);
  };
  for (const auto& argument : arguments) add(inventory::resolve(bench.db, argument, at));
  if (!selection.empty()) {
    inventory::ListQuery query;
    query.selection = selection;
    inventory::list(bench.db, query, at, [&](const CertificateRow& row) {
      if (row.status != CertificateStatus::revoked && row.expires_at > at) add(row);
    });
  }
  return reason == Reason::key_compromise ? with_same_keys(bench, std::move(targets), at) : targets;
}

RevokeAnswer revoke(Workbench& bench, const std::vector<CertificateRow>& targets, const RevokeOptions& options) {
  bench.session.require(Right::revoke);
  RevokeAnswer answer;
  std::vector<RevokeItem> items;
  std::optional<operations::Earlier> earlier;
  NewOperation op;
  const auto plan = [&] {
    const Time at = now();
    items.clear();
    answer = RevokeAnswer{};
    require_free_keys(bench, targets, options, at);
    // A renewal may have used a compromised key again since the targets were collected.
    const auto reached = options.reason == Reason::key_compromise ? with_same_keys(bench, targets, at) : targets;
    for (const auto& target : reached) {
      bench.session.require_touch(target.owner, "the certificate of " + target.name);
      const auto row = inventory::by_id(bench.db, target.cert_id);
      if (!row) throw Error(Code::certificate_not_found, "no certificate " + target.cert_id, "ymgr cert list");
      if (is_settled(*row, options.reason)) {
        answer.items.push_back(settled_json(*row, at));
        answer.exits.push_back(0);
        continue;
      }
      items.push_back(item_from(*row, options, at));
      items.back().position = items.size() - 1;
    }
    op = plan_revoke(items, options, at);
  };
  if (options.dry_run) {
    plan();
    for (const auto& item : items) {
      answer.items.push_back(answer_item(item, "planned", now()));
      answer.exits.push_back(0);
    }
    answer.state = "planned";
    return answer;
  }
  bench.db.transaction(sql::Access::write, [&] {
    earlier.reset();
    plan();
    if (items.empty()) return;
    earlier = operations::find_earlier(bench, op);
    if (!earlier) operations::create(bench, op);
  });
  if (earlier && !earlier->ended) return resume_revoke(bench, earlier->request_id);
  if (!items.empty() && !earlier) {
    run_and_finish(bench, op.request_id, op.target, std::move(items), answer);
  } else {
    confirm(bench, {}, answer);
    answer.state = "done";
    const Time at = now();
    for (const auto& target : targets) {
      const auto crl = target.expires_at > at ? bench.authority.crl(target.issuer) : std::nullopt;
      if (!crl) continue;
      answer.crl_confirmed = answer.crl_confirmed.value_or(true) && crl->find(target.serial);
      answer.crl_number = std::max(answer.crl_number, crl->number);
    }
  }
  return answer;
}

RevokeAnswer resume_revoke(Workbench& bench, const std::string& request_id) {
  RevokeAnswer answer;
  const auto op = operations::get(bench.db, request_id);
  std::vector<RevokeItem> items;
  for (const auto& stored : operations::items(bench.db, request_id)) {
    auto item = item_from(stored);
    if (stored.status == "open")
      items.push_back(std::move(item));
    else if (stored.status == "done") {
      answer.items.push_back(answer_item(item, "revoked", now()));
      answer.exits.push_back(0);
    }
  }
  run_and_finish(bench, request_id, op.target, std::move(items), answer);
  return answer;
}

RevokeAnswer unhold(Workbench& bench, const std::vector<CertificateRow>& targets, const RevokeOptions& options) {
  bench.session.require(Right::revoke);
  RevokeAnswer answer;
  answer.request_id = options.request_id.empty() ? new_id("req", now()) : options.request_id;
  answer.state = options.dry_run ? "planned" : "done";
  for (const auto& row : targets) {
    bench.session.require_touch(row.owner, "the certificate of " + row.name);
    if (row.status != CertificateStatus::revoked || row.revocation_reason != to_string(Reason::certificate_hold))
      throw Error(Code::certificate_state, "the certificate " + row.cert_id + " is not on hold",
                  "ymgr cert show " + row.cert_id);
    answer.items.push_back(Json::object({{"cert_id", row.cert_id},
                                         {"name", row.name},
                                         {"serial_number", row.serial},
                                         {"success", true},
                                         {"result", options.dry_run ? "planned" : "unheld"}}));
    answer.exits.push_back(0);
  }
  if (options.dry_run) return answer;
  bench.db.transaction(sql::Access::write, [&] {
    std::vector<audit::Event> events;
    for (const auto& row : targets) {
      bench.authority.unhold(row.issuer, row.serial);
      inventory::mark_active(bench.db, row.cert_id);
      events.push_back(
          {answer.request_id, "unheld", row.name, Json::object({{"cert_id", row.cert_id}, {"note", options.note}})});
    }
    bench.authority.refresh_crls(false);
    audit::append(bench.db, bench.session.identity().user, events, bench.head_signer);
  });
  publish_ca_files(bench.db, bench.ca_folder);
  for (const auto& row : targets) {
    const auto crl = bench.authority.crl(row.issuer);
    answer.crl_confirmed = answer.crl_confirmed.value_or(true) && crl && !crl->find(row.serial);
    if (crl) answer.crl_number = std::max(answer.crl_number, crl->number);
  }
  answer.changed = !targets.empty();
  return answer;
}

}  // namespace ymgr
