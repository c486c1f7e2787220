#include "workflow/certificate_item.hpp"

#include <algorithm>
#include <set>

#include "base/ids.hpp"
#include "base/text.hpp"
#include "keys/key_file.hpp"
#include "workflow/ca.hpp"
#include "workflow/card_steps.hpp"
#include "workflow/set_pin.hpp"

namespace ymgr {
namespace {

Json texts(const std::vector<std::string>& items) {
  return Json::texts(items);
}

Json plan_json(const PlannedCertificate& plan) {
  Json sans = Json::array();
  for (const auto& san : plan.names.sans) sans.push(to_string(san));
  return Json::object({{"serial", plan.serial},
                       {"common_name", plan.names.common_name},
                       {"sans", sans},
                       {"not_before", to_micros(plan.not_before)},
                       {"not_after", to_micros(plan.not_after)},
                       {"eku", texts(plan.eku)},
                       {"key_usage", texts(plan.key_usage)}});
}

PlannedCertificate plan_from(const Json& json) {
  PlannedCertificate plan;
  plan.serial = json.at("serial").text();
  plan.names.common_name = json.at("common_name").text();
  for (const auto& san : json.at("sans").items()) plan.names.sans.push_back(parse_san(san.text()));
  plan.not_before = from_micros(json.at("not_before").integer());
  plan.not_after = from_micros(json.at("not_after").integer());
  plan.eku = json.texts_or_empty("eku");
  plan.key_usage = json.texts_or_empty("key_usage");
  return plan;
}

KeyStore& store_of(const CertificateItem& item, CertificatePorts& ports) {
  return *ports.keys.at(item.key_place);
}

/// The key on this worker: made, taken up again from its box, or opened for reuse.
const EnsuredKey& key_of(CertificateItem& item, CertificatePorts& ports) {
  if (item.key) return *item.key;
  auto& store = store_of(item, ports);
  if (item.key_reused) {
    item.key = std::make_shared<const EnsuredKey>(store.open(item.key_reference, item.key_box));
  } else {
    const TraceSpan span("keygen");
    item.key = std::make_shared<const EnsuredKey>(store.ensure(item.key_name, item.algorithm, item.key_box));
  }
  return *item.key;
}

Progress ensure_key(CertificateItem& item, CertificatePorts& ports, Attempt) {
  if (item.key_place == KeyPlace::external) return Progress::done;
  const auto& key = key_of(item, ports);
  if (item.key_place != KeyPlace::file) item.key_reference = key.reference;  // that of a file may still wait elsewhere
  if (!item.key_reused) item.key_box = key.box;
  return Progress::done;
}

Progress make_request(CertificateItem& item, CertificatePorts& ports, Attempt) {
  if (item.key_place == KeyPlace::external) return Progress::done;
  item.csr =
      to_pem(store_of(item, ports).certificate_request(key_of(item, ports), item.plan.names), "CERTIFICATE REQUEST");
  item.request.reset();
  return Progress::done;
}

CertificateRow row_of(const CertificateItem& item, const Recording& recording) {
  const auto& certificate = *item.certificate;
  CertificateRow row;
  row.cert_id = item.cert_id;
  row.name = item.name;
  row.subject = certificate.subject;
  row.sans = certificate.sans;
  row.serial = certificate.serial;
  row.issuer = certificate.issuer;
  row.ca_name = item.ca_name;
  row.key_reference = item.key_reference;
  row.key_algorithm =
      certificate.key.algorithm ? std::string(to_string(*certificate.key.algorithm)) : certificate.key.family;
  row.public_key_sha256 = hex(certificate.key.sha256);
  row.key_created_at = item.key_created_at;
  row.profile = item.profile;
  row.owner = item.owner;
  row.labels = item.labels;
  row.policy_version = item.policy_version;
  row.issued_at = now();
  row.not_before = certificate.not_before;
  row.expires_at = certificate.not_after;
  row.renew_before = item.renew_before;
  row.renew_at = item.renew_before.empty()
                     ? default_due_at(row.not_before, row.expires_at)
                     : parse_renew_before(item.renew_before).due_at(row.not_before, row.expires_at);
  row.renewed_from = item.renewed_from;
  row.fingerprint = hex(certificate.fingerprint);
  row.pem = certificate.pem;
  if (item.csr_given) row.csr = item.csr;
  if (!item.installation.empty()) {
    row.host = item.host.empty() ? recording.host : item.host;
    row.installation = item.installation;
  }
  if (item.card) {
    row.device = item.card->place.serial;
    row.slot = piv::to_string(item.card->place.slot);
    row.attestation = item.card->attestation;
  }
  row.request_id = recording.request_id;
  row.issued_by = recording.actor;
  return row;
}

}  // namespace

bool awaits_approval(const CertificateItem& item) {
  return item.needs_approval && item.approved_by.empty() && !is_issued(item);
}

Progress sign(CertificateItem& item, CertificatePorts& ports, Attempt attempt) {
  if (awaits_approval(item)) return Progress::waiting;
  if (!item.request) item.request = std::make_shared<const Csr>(parse_csr(item.csr));
  const SigningRequest wanted{*item.request, item.plan, item.profile, item.owner, item.former_serial};
  std::optional<IssuedCertificate> found;
  if (attempt == Attempt::again) found = ports.signer->find(wanted);
  auto issued = found ? std::move(*found) : ports.signer->sign(wanted);
  item.certificate = std::move(issued.certificate);
  item.issuer_id = std::move(issued.issuer_id);
  item.ca_name = std::move(issued.ca_name);
  item.request.reset();
  return Progress::done;
}

Progress deliver(CertificateItem& item, CertificatePorts& ports, Attempt) {
  if (item.place) {
    Secret pem;
    if (item.key_place == KeyPlace::file && item.place->with_key)
      pem = store_of(item, ports).export_pem(key_of(item, ports));
    const auto chain = chain_above(ports.cas, *item.certificate);
    installation::deliver(*item.place, {item.cert_id, *item.certificate, chain, pem.empty() ? nullptr : &pem});
  }
  if (item.key) store_of(item, ports).forget(*item.key);
  item.key.reset();
  item.key_box.clear();  // the key stands where it belongs
  return Progress::done;
}

/// A renewed certificate whose installation has a deploy hook owes one run of it; the hook ledger says so from here on.
Record record_delivered(const CertificateItem& item) {
  const bool owes_hook = item.place && !item.place->deploy_hook.empty() && !item.renewed_from.empty();
  return [owes_hook, cert_id = item.cert_id, installation = item.installation](Recording& recording) {
    if (owes_hook) inventory::set_hook_result(recording.db, cert_id, "pending", "", now());
    if (!installation.empty()) recording.audit.set("installation", installation);
    recording.audit.set("cert_id", cert_id);
  };
}

Json CertificateItem::journal() const {
  Json label_members = Json::object();
  for (const auto& [name_, value] : labels) label_members.set(name_, value);
  Json json = Json::object({{"cert_id", cert_id},
                            {"name", name},
                            {"profile", profile},
                            {"owner", owner},
                            {"labels", label_members},
                            {"policy_version", policy_version},
                            {"renew_before", renew_before},
                            {"renewed_from", renewed_from},
                            {"installation", installation},
                            {"host", host},
                            {"key_place", to_string(key_place)},
                            {"algorithm", to_string(algorithm)},
                            {"key_reused", key_reused},
                            {"key_created_at", to_micros(key_created_at)},
                            {"key_name", key_name},
                            {"key_reference", key_reference},
                            {"csr_given", csr_given},
                            {"needs_approval", needs_approval},
                            {"approved_by", approved_by},
                            {"plan", plan_json(plan)}});
  const bool issued = certificate.has_value();
  if (!key_box.empty() && !key_reused && !(issued && key_place == KeyPlace::sealed)) json.set("key_box", key_box);
  if (!csr.empty() && !issued) json.set("csr", csr);
  if (!behind.empty()) json.set("behind", Json::texts(behind));
  if (card) json.set("card", card->journal());
  return json;
}

CertificateItem CertificateItem::from(const StoredItem& stored) {
  CertificateItem item;
  const Json& json = stored.data;
  restore(item, stored);
  item.cert_id = json.at("cert_id").text();
  item.name = json.at("name").text();
  item.profile = json.at("profile").text();
  item.owner = json.at("owner").text();
  item.policy_version = json.at("policy_version").text();
  item.renew_before = json.at("renew_before").text();
  item.renewed_from = json.at("renewed_from").text();
  item.installation = json.at("installation").text();
  item.host = json.text_or("host", "");
  for (const auto& [name, value] : json.at("labels").members()) item.labels[name] = value.text();
  const auto& place = json.at("key_place").text();
  item.key_place = place == "external" ? KeyPlace::external : place == "card" ? KeyPlace::card : parse_key_place(place);
  item.algorithm = parse_key_algorithm(json.at("algorithm").text()).value_or(KeyAlgorithm::ec_p256);
  item.key_reused = json.at("key_reused").boolean();
  item.key_created_at = from_micros(json.at("key_created_at").integer());
  item.key_name = json.at("key_name").text();
  item.key_reference = json.at("key_reference").text();
  item.key_box = json.text_or("key_box", "");
  item.csr = json.text_or("csr", "");
  item.csr_given = json.at("csr_given").boolean();
  if (const auto* needed = json.find("needs_approval")) item.needs_approval = needed->boolean();
  item.approved_by = json.text_or("approved_by", "");
  item.plan = plan_from(json.at("plan"));
  item.behind = json.texts_or_empty("behind");
  if (const auto* card = json.find("card")) item.card = CardKey::from(*card);
  return item;
}

namespace {

/// The key was compromised after the plan: what has been signed with it meanwhile is revoked from its first moment.
bool revoke_if_denied(Recording& recording, const CertificateRow& row) {
  if (!recording.denied_keys.contain(row.public_key_sha256)) return false;
  recording.authority.revoke(row.issuer,
                             {row.serial, row.expires_at, Reason::key_compromise, floor_seconds(row.issued_at), {}});
  inventory::mark_revoked(recording.db, row.cert_id, floor_seconds(row.issued_at), Reason::key_compromise, {});
  return true;
}

/// The YubiKey was lost, retired, reset or given to somebody else while the certificate was signed: whoever took its certificates
/// away has not seen this one.
bool revoke_if_taken_out(Recording& recording, const CertificateItem& item, const CertificateRow& row) {
  const auto device = devices::find(recording.db, item.card->place.serial);
  if (device && device->status == DeviceStatus::enrolled && is_of(*device, item)) return false;
  const Time at = floor_seconds(now());
  recording.authority.revoke(row.issuer, {row.serial, row.expires_at, Reason::cessation_of_operation, at, {}});
  inventory::mark_revoked(recording.db, row.cert_id, at, Reason::cessation_of_operation, {});
  return true;
}

/// The rows of an issued certificate, in the transaction of its mark: inventory, CA, key, and the end of the one it replaces.
Record record_issued(const CertificateItem& from) {
  return [item = std::make_shared<const CertificateItem>(from)](Recording& recording) {
    const auto row = row_of(*item, recording);
    inventory::insert(recording.db, row);
    recording.authority.record_issued({*item->certificate, item->issuer_id, item->ca_name}, row.cert_id);
    if (item->key_place == KeyPlace::sealed && !item->key_reused)
      record_sealed_key(recording.db, {item->key_reference, item->certificate->key, item->key_box});
    if (!row.renewed_from.empty()) inventory::supersede(recording.db, row.renewed_from);
    recording.audit = Json::object({{"cert_id", row.cert_id},
                                    {"serial_number", row.serial},
                                    {"ca", row.ca_name},
                                    {"not_before", format_time(row.not_before)},
                                    {"not_after", format_time(row.expires_at)},
                                    {"fingerprint", row.fingerprint},
                                    {"key_reference", row.key_reference},
                                    {"renewed_from", row.renewed_from.empty() ? Json() : Json(row.renewed_from)}});
    if (revoke_if_denied(recording, row))
      recording.audit.set("revoked", "keyCompromise");
    else if (item->card && revoke_if_taken_out(recording, *item, row))
      recording.audit.set("revoked", "cessationOfOperation");
  };
}

bool has_place(const CertificateItem& item) {
  return item.place.has_value();
}

constexpr Step<CertificateItem, CertificatePorts> steps[] = {
    {"key_created", Durability::grouped, ensure_key},
    {"csr_created", Durability::grouped, make_request},
    {"issued", Durability::before_next, sign, record_issued},
    {"delivered", Durability::grouped, deliver, record_delivered, has_place}};

// The same states. Each of these steps is on disk before the next: a card can't be asked twice.
constexpr Step<CertificateItem, CertificatePorts> card_steps[] = {
    {"displaced", Durability::before_next, announce_displaced, record_displaced},
    {"key_created", Durability::before_next, make_on_card},
    {"csr_created", Durability::grouped, keep_request},
    {"issued", Durability::before_next, sign_for_card, record_issued},
    {"delivered", Durability::before_next, put_on_card, record_put_on_card}};

bool is_on_card(const CertificateItem& item) {
  return item.card.has_value();
}

}  // namespace

bool is_issued(const CertificateItem& item) {
  return item.state == "issued" || item.state == "delivered";
}

namespace {

std::unique_ptr<CertificatePorts> open_ports(Workbench& bench, std::span<const CertificateItem> items) {
  auto ports = std::make_unique<CertificatePorts>();
  for (const auto place : {KeyPlace::sealed, KeyPlace::file, KeyPlace::transit})
    if (std::ranges::any_of(items, [&](const auto& item) { return item.key_place == place; }))
      ports->keys.emplace(place, bench.stores.keys(place));
  ports->signer = bench.authority.open_signer();
  if (std::ranges::any_of(items, has_place)) ports->cas = list_cas(bench.db);  // after the signer: its CA is among them
  return ports;
}

/// A key in transit for a certificate that the CA refuses would be of no use to anybody. Best effort: `reconcile` finds what stays.
void drop_refused_keys(Workbench& bench, std::vector<CertificateItem>& items) {
  for (const auto& item : items) {
    const bool refused = item.error && !item.error->retryable() && !item.error->outcome_unknown() && !is_issued(item);
    if (!refused || item.key_place != KeyPlace::transit || item.key_reused || !item.key) continue;
    try {
      bench.stores.destroy_key(item.key_reference);
    } catch (const Error& error) {
      bench.notices.detail("the key " + item.key_reference + " stays: " + error.what());
    }
  }
}

void run_on_workers(Workbench& bench, const std::string& request_id, std::vector<CertificateItem>& items) {
  run_items<CertificateItem, CertificatePorts>(bench, request_id, items, steps,
                                               [&] { return open_ports(bench, items); });
  drop_refused_keys(bench, items);
}

void run_on_card(Workbench& bench, const std::string& request_id, CertificateItem& item) {
  within_operation(request_id, [&] {
    bench.db.transaction(sql::Access::write,
                         [&] { operations::keep_lease(bench, request_id, operations::longest_lease); });
  });
  std::vector<CertificateItem> one;
  one.push_back(std::move(item));
  const auto steps_of_it = std::span(card_steps).subspan(one.front().card->displaced.empty() ? 1 : 0);
  run_items<CertificateItem, CertificatePorts>(bench, request_id, one, steps_of_it, [&] {
    auto ports = open_ports(bench, one);
    ports->cards = &bench;
    return ports;
  });
  item = std::move(one.front());
}

/// Certificates that lost their keys are revoked by now: the CRL shall say so.
void publish_lost_keys(Workbench& bench, const std::string& request_id, const std::vector<CertificateItem>& items) {
  const auto revokes = [](const CertificateItem& item) {
    return item.card && (is_lost(item) || !item.card->displaced.empty());
  };
  if (std::ranges::none_of(items, revokes)) return;
  sign_crls(bench, request_id, false);
  publish_ca_files(bench.db, bench.ca_folder);
}

void drop_pending_keys(Workbench& bench, const std::string& request_id, const std::vector<CertificateItem>& items) {
  within_operation(request_id, [&] {
    for (const auto& item : items) drop_pending_key(bench, item);
  });
}

}  // namespace

void run_certificate_items(Workbench& bench, const std::string& request_id, std::vector<CertificateItem>& items) {
  if (std::ranges::none_of(items, is_on_card)) {
    run_on_workers(bench, request_id, items);
    return drop_pending_keys(bench, request_id, items);
  }
  std::vector<CertificateItem> others;
  for (auto& item : items)
    if (!is_on_card(item)) others.push_back(item);
  run_on_workers(bench, request_id, others);
  std::size_t next = 0;
  for (auto& item : items) {
    if (is_on_card(item))
      run_on_card(bench, request_id, item);
    else
      item = std::move(others[next++]);
  }
  drop_pending_keys(bench, request_id, items);
  publish_lost_keys(bench, request_id, items);
  std::set<std::string> at_hand;
  for (const auto& item : items)
    if (is_on_card(item) && item.status == Item::Status::done) at_hand.insert(item.card->place.serial);
  for (const auto& serial : at_hand) look_after_puk(bench, serial);
}

void sign_certificate_items(Workbench& bench, const std::string& request_id, std::vector<CertificateItem>& items) {
  const auto issued =
      std::ranges::find(steps, std::string_view("issued"), &Step<CertificateItem, CertificatePorts>::state);
  const auto until = static_cast<std::size_t>(issued - std::begin(steps)) + 1;
  run_items<CertificateItem, CertificatePorts>(
      bench, request_id, items, steps, [&] { return open_ports(bench, items); }, until);
}

namespace {

bool waits_in_file(const Workbench& bench, const CertificateItem& item) {
  return item.key_place == KeyPlace::file && !item.key_reused && !bench.stores.seals_journal();
}

/// A key in a file that is on no other host, and was not lost. @throws Error installation-missing, key-not-found
void require_key_file(const Workbench& bench, const CertificateItem& item) {
  const std::string path =
      item.key_reused ? item.key_reference.substr(item.key_reference.find(':') + 1) : item.key_name;
  if (exists(path)) return;
  if (item.host != bench.self.host && !item.host.empty())
    throw Error(Code::installation_missing, "the key of " + item.name + " is a file of host " + item.host,
                "resume there, or give the operation up and begin anew");
  if (item.state != "planned")
    throw Error(Code::key_not_found, "the key of " + item.name + " is gone from " + path, "begin anew");
}

/// What an item needs to go on. @throws Error installation-invalid, key-not-found
void complete(Workbench& bench, CertificateItem& item) {
  if (!item.installation.empty()) {
    item.place = installation::load(bench.installations, item.installation);
    if (!item.place)
      throw Error(Code::installation_missing, "no installation file for " + item.installation + " on this host",
                  "resume on " + (item.host.empty() ? "the host that has it" : item.host) +
                      ", or repeat the command that began this operation");
  }
  if (waits_in_file(bench, item)) {  // paths come from this host, not from the journal
    plan_key_file(bench, item);
    require_key_file(bench, item);
  }
  if (is_issued(item)) {
    const auto row = inventory::by_id(bench.db, item.cert_id);
    if (!row) throw Error(Code::internal, "the inventory has no " + item.cert_id + " although the journal issued it");
    item.certificate = parse_certificate(row->pem);
  } else if (item.key_reused) {
    item.key_box = bench.stores.key_box(item.key_reference);
  }
}

}  // namespace

std::vector<CertificateItem> load_certificate_items(Workbench& bench, const std::string& request_id) {
  std::vector<CertificateItem> items;
  for (const auto& stored : operations::items(bench.db, request_id)) {
    auto item = CertificateItem::from(stored);
    if (stored.status != "open") {  // it may have been the last thing of a run that was stopped then
      drop_pending_key(bench, item);
      continue;
    }
    try {
      complete(bench, item);
    } catch (const Error& error) {  // ends this item, not the others
      operations::note_error(bench, request_id, item.position, item.target, error);
      continue;
    }
    items.push_back(std::move(item));
  }
  return items;
}

void plan_key_file(Workbench& bench, CertificateItem& item) {
  item.key_reference = installation::key_reference(*item.place);
  item.key_name = bench.stores.seals_journal() ? item.key_reference.substr(item.key_reference.find(':') + 1)
                                               : installation::pending_key(*item.place, item.cert_id);
}

void drop_pending_key(Workbench& bench, const CertificateItem& item) {
  const bool needed = item.status != Item::Status::done && (item.status != Item::Status::failed || is_issued(item));
  if (needed || !waits_in_file(bench, item)) return;
  const auto place = item.place ? item.place : installation::load(bench.installations, item.installation);
  if (place) destroy_key_file(installation::pending_key(*place, item.cert_id));
}

bool belongs_elsewhere(Workbench& bench, const std::string& request_id) {
  return std::ranges::any_of(operations::items(bench.db, request_id), [&](const StoredItem& stored) {
    const auto host = stored.data.text_or("host", "");
    return stored.status == "open" && !host.empty() && host != bench.self.host &&
           !installation::load(bench.installations, stored.data.text_or("installation", ""));
  });
}

void plan_certificate(CertificateItem& item, const ProfileRules& rules, Duration validity, Time at) {
  item.target = item.name;
  item.cert_id = new_id("cert", at);
  item.plan.serial = new_serial();
  item.plan.not_before = floor_seconds(at) - std::chrono::minutes(1);  // clocks of those who check it differ
  item.plan.not_after = item.plan.not_before + validity - std::chrono::seconds(1);
  item.plan.eku = rules.eku;
  item.plan.key_usage = rules.key_usage;
}

}  // namespace ymgr
