#include "workflow/revoke.hpp"

#include <algorithm>
#include <set>

#include "base/ids.hpp"
#include "base/text.hpp"
#include "workflow/ca.hpp"
#include "workflow/card_key.hpp"
#include "workflow/crl_check.hpp"
#include "workflow/genuine.hpp"
#include "workflow/revoke_item.hpp"
#include "workflow/set_pin.hpp"

namespace ymgr {
namespace {

bool wants_destroyed(const CertificateRow& row, const RevokeOptions& options) {
  return (options.destroy_key || options.reason == Reason::key_compromise) && row.key_reference != "external";
}

/// References of keys that are destroyed by now; keys are never made again under a former name.
using Gone = std::set<std::string>;

/// Asked before the transaction that plans. Copies of a key in files are looked for each time.
Gone look_for_keys(Workbench& bench, const std::vector<CertificateRow>& rows, const RevokeOptions& options) {
  Gone gone;
  for (const auto& row : rows) {
    const auto place = place_of(row.key_reference);
    const bool asks = (place == KeyPlace::sealed || place == KeyPlace::transit) && bench.stores.keeps(place) &&
                      stays_revoked(row, options.reason) && wants_destroyed(row, options);
    if (asks && !bench.stores.key_is_there(row.key_reference)) gone.insert(row.key_reference);
  }
  return gone;
}

/// Nothing is left to do.
bool is_settled(const Gone& gone, const CertificateRow& row, const RevokeOptions& options) {
  return stays_revoked(row, options.reason) && (!wants_destroyed(row, options) || gone.contains(row.key_reference));
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
  item.fingerprint = row.fingerprint;
  item.installation = row.installation;
  item.host = row.host;
  item.not_after = row.expires_at;
  item.revoked_at = row.revoked_at.value_or(floor_seconds(at));
  item.was_revoked = stays_revoked(row, options.reason);
  item.reason = item.was_revoked ? reason_of(row.revocation_reason).value_or(Reason::unspecified) : options.reason;
  item.invalidity_date = item.was_revoked ? row.invalidity_at : options.invalidity_date;
  item.destroy_key = wants_destroyed(row, options);
  return item;
}

enum class Wanted { listed, not_listed };

struct Entry {
  std::string issuer, serial;
  Time not_after;
};

enum class Responder { answers, silent };

/// Does the responder of a CA elsewhere say so? One that is switched off says nothing, which is no denial.
Responder ask_responder(Workbench& bench, const Entry& entry, Wanted wanted, RevokeAnswer& answer) {
  try {
    const auto status = bench.authority.ocsp_status(entry.issuer, entry.serial);
    if (!status) return Responder::answers;
    const bool says_so = *status == (wanted == Wanted::listed ? OcspStatus::revoked : OcspStatus::good);
    answer.ocsp_confirmed = answer.ocsp_confirmed.value_or(true) && says_so;
    return Responder::answers;
  } catch (const Error& error) {
    if (error.code() == Code::interrupted) throw;
    bench.notices.detail(std::string("the CA's OCSP responder tells nothing: ") + error.what());
    return Responder::silent;
  }
}

/// The CRLs are written out and read back, and OCSP is asked: do they say so of every certificate that has not expired?
void confirm(Workbench& bench, std::span<const Entry> entries, Wanted wanted, RevokeAnswer& answer) {
  publish_ca_files(bench.db, bench.ca_folder);
  CrlCheck check(bench.authority);
  const Time at = now();
  auto responder = Responder::answers;  // one that is silent is not waited for again
  for (const auto& entry : entries) {
    if (entry.not_after <= at) continue;
    const bool says_so =
        check.has_crl(entry.issuer) && check.lists(entry.issuer, entry.serial) == (wanted == Wanted::listed);
    answer.crl_confirmed = answer.crl_confirmed.value_or(true) && says_so;
    if (responder == Responder::answers) responder = ask_responder(bench, entry, wanted, answer);
  }
  answer.crl_number = std::max(answer.crl_number, check.number());
}

void publish_revocations(Workbench& bench, const std::string& request_id, std::span<const Entry> entries,
                         RevokeAnswer& answer) {
  sign_crls(bench, request_id, false);
  confirm(bench, entries, Wanted::listed, answer);
}

std::vector<Entry> entries_of(const std::vector<CertificateRow>& rows) {
  std::vector<Entry> entries;
  for (const auto& row : rows) entries.push_back({row.issuer, row.serial, row.expires_at});
  return entries;
}

enum class Told { planned, done };

Json answer_item(const RevokeItem& item, Told told, Time at) {
  const auto* result = told == Told::planned ? "planned" : item.was_revoked ? "already_revoked" : "revoked";
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

Json failed(const RevokeItem& item) {
  return failed_item(
      Json::object(
          {{"cert_id", item.cert_id}, {"name", item.name}, {"serial_number", item.serial}, {"state", item.state}}),
      *item.error);
}

void tell_items(const std::vector<RevokeItem>& items, RevokeAnswer& answer) {
  const Time at = now();
  for (const auto& item : items) {
    answer.items.push_back(item.error ? failed(item) : answer_item(item, Told::done, at));
    answer.exits.push_back(item.error ? exit_status(item.error->kind()) : 0);
    const bool is_revoked = item.state != "planned" && !item.was_revoked;
    answer.changed = answer.changed || (!item.had_ended && (is_revoked || item.key_found));
  }
  answer.exit = batch_exit(answer.exits);
}

std::unique_ptr<RevokePorts> open_ports(Workbench& bench, std::mutex& files) {
  return std::unique_ptr<RevokePorts>(new RevokePorts{bench.stores, bench.installations, bench.self.host, files});
}

bool wants_transit(const RevokeItem& item) {
  return item.destroy_key && place_of(item.key_reference) == KeyPlace::transit;
}

/// Vault revokes by serial number alone and can't tell whose it is.
void require_revocation(Workbench& bench) {
  bench.session.require(Right::revoke);
  if (bench.stores.reach() != SecretReach::pins) return;
  throw Error(Code::role_denied, "a person of a team does not revoke", "ask an operator, who revokes in Vault");
}

/// Keys on cards are destroyed one after the other on this thread, which has the secrets.
void settle_keys(Workbench& bench, const std::string& request_id, std::vector<RevokeItem>& items, std::mutex& files) {
  std::vector<RevokeItem> others;
  for (const auto& item : items)
    if (!is_on_card(item)) others.push_back(item);
  run_items<RevokeItem, RevokePorts>(bench, request_id, others, revoke_steps(), [&] {
    auto ports = open_ports(bench, files);
    if (bench.stores.keeps(KeyPlace::transit) && std::ranges::any_of(others, wants_transit))
      ports->transit = bench.stores.keys(KeyPlace::transit);
    return ports;
  });
  std::size_t next = 0;
  for (auto& item : items) {
    std::vector<RevokeItem> one{is_on_card(item) ? item : std::move(others[next++])};
    if (is_on_card(one.front()))
      run_items<RevokeItem, RevokePorts>(bench, request_id, one, revoke_steps(), [&] {
        auto ports = open_ports(bench, files);
        ports->cards = &bench;
        return ports;
      });
    item = std::move(one.front());
    if (is_on_card(item) && item.key_found) look_after_puk(bench, parse_card_reference(item.key_reference)->serial);
  }
}

/// @param entries  what the CRLs must list besides
void run_and_finish(Workbench& bench, const std::string& request_id, const std::string& target,
                    std::vector<RevokeItem> items, std::vector<Entry> entries, RevokeAnswer& answer) {
  std::mutex files;
  run_items<RevokeItem, RevokePorts>(
      bench, request_id, items, revoke_steps(), [&] { return open_ports(bench, files); }, steps_before_crl);
  failpoint("crl_signed", "before");
  for (const auto& item : items)
    if (item.state != "planned") entries.push_back({item.issuer, item.serial, item.not_after});
  publish_revocations(bench, request_id, entries, answer);
  failpoint("crl_signed", "after");
  look_at_keys(bench, items);
  settle_keys(bench, request_id, items, files);
  answer.request_id = request_id;
  answer.state =
      operations::end(bench, request_id, "revoke", target,
                      Json::object({{"crl_confirmed", answer.crl_confirmed ? Json(*answer.crl_confirmed) : Json()},
                                    {"ocsp_confirmed", answer.ocsp_confirmed ? Json(*answer.ocsp_confirmed) : Json()},
                                    {"crl_number", answer.crl_number}}));
  answer.resumable = answer.state == "open";
  tell_items(items, answer);
}

void require_free_keys(Workbench& bench, const std::vector<RevokeItem>& items, const RevokeOptions& options, Time at) {
  if (!options.destroy_key || options.reason == Reason::key_compromise) return;
  std::set<std::string> ids;
  for (const auto& item : items) ids.insert(item.cert_id);
  for (const auto& item : items)
    if (const auto other = key_user(bench, item.public_key_sha256, ids, at))
      throw Error(Code::key_in_use,
                  "the key of " + item.cert_id + " is also used by " + other->cert_id + " (" + other->name + ")",
                  "revoke or renew that one first, or leave out --destroy-key");
}

Json settled_json(const CertificateRow& row, const RevokeOptions& options, Time at) {
  return Json::object({{"cert_id", row.cert_id},
                       {"name", row.name},
                       {"serial_number", row.serial},
                       {"success", true},
                       {"result", "already_revoked"},
                       {"revocation_reason", row.revocation_reason},
                       {"revoked_at", row.revoked_at ? Json(format_time(*row.revoked_at)) : Json()},
                       {"expired", row.expires_at <= at},
                       {"key_destroyed", wants_destroyed(row, options) ? Json(true) : Json()}});
}

audit::Event requested(const RevokeItem& item, const RevokeOptions& options) {
  return {{},
          "revoke.requested",
          item.name,
          Json::object({{"cert_id", item.cert_id},
                        {"serial_number", item.serial},
                        {"reason", to_string(options.reason)},
                        {"note", options.note}})};
}

/// A row that is not genuine. It fails by itself, else whoever writes one keeps others from being revoked.
struct Refused {
  CertificateRow row;
  Error why;
};

struct Plan {
  NewOperation op;
  std::vector<RevokeItem> items;        // what is left to do
  std::vector<CertificateRow> settled;  // nothing is left to do
  std::vector<Refused> refused;
  std::optional<operations::Earlier> earlier;
};

Plan make_plan(Workbench& bench, const RevokeTargets& targets, const RevokeOptions& options, const Gone& gone) {
  const Time at = now();
  Plan plan;
  // A renewal may have used a compromised key again since the targets were collected.
  const auto reached =
      options.reason == Reason::key_compromise ? with_same_keys(bench, targets.rows, at) : targets.rows;
  for (const auto& target : reached) {
    bench.session.require_touch(target.owner, "the certificate of " + target.name);
    const auto row = inventory::by_id(bench.db, target.cert_id);
    if (!row) throw Error(Code::certificate_not_found, "no certificate " + target.cert_id, "ymgr cert list");
    if (auto why = against_signed(bench, *row)) {
      plan.refused.push_back({*row, std::move(*why)});
      continue;
    }
    if (is_settled(gone, *row, options)) {
      plan.settled.push_back(*row);
      continue;
    }
    plan.items.push_back(item_from(*row, options, at));
    plan.items.back().position = plan.items.size() - 1;
  }
  plan.op.request_id = options.request_id.empty() ? new_id("req", at) : options.request_id;
  plan.op.kind = "revoke";
  plan.op.target =
      plan.items.size() == 1 ? plan.items.front().name : std::to_string(plan.items.size()) + " certificates";
  plan.op.inputs = targets.asked;
  plan.op.inputs.set("reason", to_string(options.reason));
  plan.op.inputs.set("destroy_key", options.destroy_key);
  plan.op.inputs.set("invalidity_date", options.invalidity_date ? Json(to_micros(*options.invalidity_date)) : Json());
  for (const auto& item : plan.items) {
    plan.op.items.push_back({item.target, item.journal()});
    plan.op.events.push_back(requested(item, options));
  }
  return plan;
}

/// Also one of which no target tells any more: a selection does not find again what is revoked by now.
std::optional<operations::Earlier> find_half_done(Workbench& bench, const Plan& plan) {
  auto wanted = plan.op;
  for (const auto& row : plan.settled) wanted.items.push_back({row.cert_id, Json()});
  if (auto earlier = operations::find_earlier(bench, wanted)) return earlier;
  for (const auto& op : operations::list(bench.db, bench.session, true, 100'000)) {
    if (op.kind != wanted.kind || canonical_json(op.inputs) != canonical_json(wanted.inputs)) continue;
    operations::take_over(bench, op.request_id);
    return operations::Earlier{op.request_id, false};
  }
  return std::nullopt;
}

void tell_refused(const Plan& plan, RevokeAnswer& answer) {
  for (const auto& [row, why] : plan.refused) {
    answer.items.push_back(
        failed_item(Json::object({{"cert_id", row.cert_id}, {"name", row.name}, {"serial_number", row.serial}}), why));
    answer.exits.push_back(exit_status(why.kind()));
  }
  answer.exit = batch_exit(answer.exits);
}

/// What was asked for besides the operation's items.
void tell_others(const Plan& plan, const RevokeOptions& options, RevokeAnswer& answer) {
  const Time at = now();
  for (const auto& row : plan.settled) {
    answer.items.push_back(settled_json(row, options, at));
    answer.exits.push_back(0);
  }
  tell_refused(plan, answer);
}

RevokeAnswer planned(Workbench& bench, const RevokeTargets& targets, const RevokeOptions& options) {
  RevokeAnswer answer;
  const auto plan = make_plan(bench, targets, options, look_for_keys(bench, targets.rows, options));
  const Time at = now();
  require_free_keys(bench, plan.items, options, at);
  tell_others(plan, options, answer);
  for (const auto& item : plan.items) {
    answer.items.push_back(answer_item(item, Told::planned, at));
    answer.exits.push_back(0);
  }
  answer.exit = batch_exit(answer.exits);
  answer.state = "planned";
  return answer;
}

std::vector<RevokeItem> stored_items(Workbench& bench, const std::string& request_id) {
  std::vector<RevokeItem> items;
  for (const auto& stored : operations::items(bench.db, request_id)) items.push_back(item_from(stored));
  return items;
}

/// Of an operation that has ended: what was answered then.
RevokeAnswer stored_answer(Workbench& bench, const std::string& request_id) {
  RevokeAnswer answer;
  const auto op = operations::get(bench.db, request_id);
  answer.request_id = op.request_id;
  answer.state = op.state;
  tell_items(stored_items(bench, request_id), answer);
  if (const auto* confirmed = op.result.find("crl_confirmed"); confirmed && !confirmed->is_null())
    answer.crl_confirmed = confirmed->boolean();
  if (const auto* confirmed = op.result.find("ocsp_confirmed"); confirmed && !confirmed->is_null())
    answer.ocsp_confirmed = confirmed->boolean();
  if (const auto* number = op.result.find("crl_number")) answer.crl_number = number->integer();
  return answer;
}

/// Adds what `rest` tells of further certificates.
void join(RevokeAnswer& answer, const RevokeAnswer& rest) {
  std::set<std::string> told;
  for (const auto& item : answer.items) told.insert(item.at("cert_id").text());
  for (std::size_t i = 0; i < rest.items.size(); ++i) {
    if (told.contains(rest.items[i].at("cert_id").text())) continue;
    answer.items.push_back(rest.items[i]);
    answer.exits.push_back(rest.exits[i]);
  }
  if (rest.crl_confirmed) answer.crl_confirmed = answer.crl_confirmed.value_or(true) && *rest.crl_confirmed;
  if (rest.ocsp_confirmed) answer.ocsp_confirmed = answer.ocsp_confirmed.value_or(true) && *rest.ocsp_confirmed;
  answer.crl_number = std::max(answer.crl_number, rest.crl_number);
  answer.changed = answer.changed || rest.changed;
  answer.exit = batch_exit(answer.exits);
  if (!rest.resumable) return;
  answer.request_id = rest.request_id;
  answer.state = rest.state;
  answer.resumable = true;
}

/// An item is failed or open: the rest may wait until a person has looked at that.
bool ends_here(const RevokeAnswer& answer, const RevokeOptions& options) {
  return answer.exit != 0 || answer.resumable || !options.request_id.empty();
}

/// Those on hold. Of the others a CRL must still have the hold that an earlier run took off.
std::vector<CertificateRow> held_ones(Workbench& bench, const std::vector<CertificateRow>& rows) {
  std::vector<CertificateRow> held;
  CrlCheck check(bench.authority);
  for (const auto& row : rows) {
    bench.session.require_touch(row.owner, "the certificate of " + row.name);
    const bool is_revoked = row.status == CertificateStatus::revoked;
    if (is_revoked && row.revocation_reason == to_string(Reason::certificate_hold))
      held.push_back(row);
    else if (is_revoked || !check.lists(row.issuer, row.serial))
      throw Error(Code::certificate_state, "the certificate " + row.cert_id + " is not on hold",
                  "ymgr cert show " + row.cert_id);
  }
  return held;
}

void take_holds_off(Workbench& bench, const std::vector<CertificateRow>& held, const std::string& request_id,
                    const std::string& note) {
  if (held.empty()) return;
  bench.db.transaction(sql::Access::write, [&] {
    std::vector<audit::Event> events;
    for (const auto& row : held) {
      bench.authority.unhold(row.issuer, row.serial);
      inventory::mark_active(bench.db, row.cert_id);
      events.push_back({request_id, "unheld", row.name, Json::object({{"cert_id", row.cert_id}, {"note", note}})});
    }
    audit::append(bench.db, bench.session.identity().user, events, bench.head_signer);
  });
}

}  // namespace

void check_options(const RevokeOptions& options) {
  if (options.invalidity_date && *options.invalidity_date > now())
    throw Error(Code::time_invalid, "the invalidity date lies in the future",
                "it is the time since when the key is distrusted");
  if (options.destroy_key && options.reason == Reason::certificate_hold)
    throw Error(Code::usage, "a certificate on hold may come back, its key must stay", "leave out --destroy-key");
}

RevokeAnswer revoke(Workbench& bench, const RevokeTargets& targets, const RevokeOptions& options) {
  require_revocation(bench);
  check_options(options);
  if (options.dry_run) return planned(bench, targets, options);
  const auto gone = look_for_keys(bench, targets.rows, options);
  Plan plan;
  bench.db.transaction(sql::Access::write, [&] {
    plan = make_plan(bench, targets, options, gone);
    plan.earlier = find_half_done(bench, plan);
    if (plan.earlier || plan.items.empty()) return;
    require_free_keys(bench, plan.items, options, now());
    operations::create(bench, plan.op);
  });
  if (plan.earlier && plan.earlier->ended) {
    auto answer = stored_answer(bench, plan.earlier->request_id);
    tell_refused(plan, answer);
    return answer;
  }
  if (plan.earlier) {
    auto answer = resume_revoke(bench, plan.earlier->request_id);
    if (ends_here(answer, options))
      tell_refused(plan, answer);
    else
      join(answer, revoke(bench, targets, options));
    return answer;
  }
  RevokeAnswer answer;
  tell_others(plan, options, answer);
  if (plan.items.empty()) {
    publish_revocations(bench, plan.op.request_id, entries_of(plan.settled), answer);
    answer.state = "done";
  } else {
    run_and_finish(bench, plan.op.request_id, plan.op.target, std::move(plan.items), entries_of(plan.settled), answer);
  }
  return answer;
}

RevokeAnswer resume_revoke(Workbench& bench, const std::string& request_id) {
  RevokeAnswer answer;
  const auto op = operations::get(bench.db, request_id);
  run_and_finish(bench, request_id, op.target, stored_items(bench, request_id), {}, answer);
  return answer;
}

RevokeAnswer unhold(Workbench& bench, const RevokeTargets& targets, const RevokeOptions& options) {
  require_revocation(bench);
  RevokeAnswer answer;
  answer.request_id = options.request_id.empty() ? new_id("req", now()) : options.request_id;
  answer.state = options.dry_run ? "planned" : "done";
  const auto held = held_ones(bench, targets.rows);
  for (const auto& row : targets.rows) {
    answer.items.push_back(Json::object({{"cert_id", row.cert_id},
                                         {"name", row.name},
                                         {"serial_number", row.serial},
                                         {"success", true},
                                         {"result", options.dry_run ? "planned" : "unheld"}}));
    answer.exits.push_back(0);
  }
  if (options.dry_run) return answer;
  take_holds_off(bench, held, answer.request_id, options.note);
  sign_crls(bench, answer.request_id, false);
  confirm(bench, entries_of(targets.rows), Wanted::not_listed, answer);
  answer.changed = !targets.rows.empty();
  return answer;
}

}  // namespace ymgr
