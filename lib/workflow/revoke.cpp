#include "workflow/revoke.hpp"

#include <algorithm>
#include <set>

#include "base/ids.hpp"
#include "base/text.hpp"
#include "workflow/ca.hpp"
#include "workflow/crl_check.hpp"
#include "workflow/revoke_item.hpp"

namespace ymgr {
namespace {

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
  item.host = row.host;
  item.not_after = row.expires_at;
  item.revoked_at = floor_seconds(at);
  item.reason = options.reason;
  item.invalidity_date = options.invalidity_date;
  item.destroy_key =
      (options.destroy_key || options.reason == Reason::key_compromise) && row.key_reference != "external";
  return item;
}

enum class Wanted { listed, not_listed };

struct Entry {
  std::string issuer, serial;
  Time not_after;
};

/// The CRLs are written out and read back: do they say so of every certificate that has not expired?
void confirm(Workbench& bench, std::span<const Entry> entries, Wanted wanted, RevokeAnswer& answer) {
  publish_ca_files(bench.db, bench.ca_folder);
  CrlCheck check(bench.authority);
  const Time at = now();
  for (const auto& entry : entries) {
    if (entry.not_after <= at) continue;
    const bool says_so =
        check.has_crl(entry.issuer) && check.lists(entry.issuer, entry.serial) == (wanted == Wanted::listed);
    answer.crl_confirmed = answer.crl_confirmed.value_or(true) && says_so;
  }
  answer.crl_number = std::max(answer.crl_number, check.number());
}

void publish_revocations(Workbench& bench, const std::string& request_id, std::span<const Entry> entries,
                         RevokeAnswer& answer) {
  bench.db.transaction(sql::Access::write, [&] { sign_crls(bench, request_id, false); });
  confirm(bench, entries, Wanted::listed, answer);
}

std::vector<Entry> entries_of(const std::vector<RevokeItem>& items) {
  std::vector<Entry> entries;
  for (const auto& item : items)
    if (item.state != "planned") entries.push_back({item.issuer, item.serial, item.not_after});
  return entries;
}

std::vector<Entry> entries_of(const std::vector<CertificateRow>& rows) {
  std::vector<Entry> entries;
  for (const auto& row : rows) entries.push_back({row.issuer, row.serial, row.expires_at});
  return entries;
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
  std::mutex files;
  const auto open_ports = [&] {
    return std::unique_ptr<RevokePorts>(new RevokePorts{bench.installations, bench.self.host, files});
  };
  run_items<RevokeItem, RevokePorts>(bench, request_id, items, revoke_steps(), open_ports, steps_before_crl);
  failpoint("crl_signed", "before");
  publish_revocations(bench, request_id, entries_of(items), answer);
  failpoint("crl_signed", "after");
  look_at_keys(bench, items);
  run_items<RevokeItem, RevokePorts>(bench, request_id, items, revoke_steps(), open_ports);
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
    if (const auto other = key_user(bench.db, row.public_key_sha256, ids, at))
      throw Error(Code::key_in_use,
                  "the key of " + row.cert_id + " is also used by " + other->cert_id + " (" + other->name + ")",
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
    publish_revocations(bench, op.request_id, entries_of(targets), answer);
    answer.state = "done";
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
    audit::append(bench.db, bench.session.identity().user, events, bench.head_signer);
    sign_crls(bench, answer.request_id, false);
  });
  confirm(bench, entries_of(targets), Wanted::not_listed, answer);
  answer.changed = !targets.empty();
  return answer;
}

}  // namespace ymgr
