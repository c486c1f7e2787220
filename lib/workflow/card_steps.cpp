#include "workflow/card_steps.hpp"

#include "base/text.hpp"
#include "workflow/device_item.hpp"

namespace ymgr {
namespace {

constexpr const char* key_lost = "key_lost";

/// What stands in the slot is what was planned to go, or what an earlier run of this item put there.
void require_unchanged(agent::Client& agent, const CertificateItem& item) {
  const auto now_there = read_slot(agent, item.card->place).certificate;
  if (now_there.empty() || now_there == item.card->before.certificate) return;
  throw Error(Code::slot_used, item.card->name() + " holds another certificate by now",
              "choose another slot, or overwrite it with --force");
}

agent::CsrRequest request_of(const CertificateItem& item) {
  const auto& place = item.card->place;
  agent::CsrRequest request;
  request.serial = place.serial;
  request.slot = place.slot;
  request.key = item.key_reused ? agent::SlotKeySource::existing : agent::SlotKeySource::make;
  request.algorithm = piv_algorithm(item.algorithm);
  request.pin_policy = place.pin_policy;
  request.touch_policy = place.touch_policy;
  request.overwrite = place.overwrite;
  request.common_name = item.plan.names.common_name;
  for (const auto& san : item.plan.names.sans) request.sans.push_back(to_string(san));
  return request;
}

/// The agent may be another program than ours: what it says of the key is compared with what the key signed.
void take(Workbench& bench, CertificateItem& item, const agent::SlotCsr& made) {
  const auto csr = parse_csr(made.csr.bytes);
  if (csr.key.spki != made.public_key || csr.key.algorithm != item.algorithm)
    throw Error(Code::attestation_refused, "the request from " + item.card->name() + " is not by the key made there",
                "repeat it; if it happens again, somebody stands between ymgr and the YubiKey");
  item.card->attestation = check_attestation(bench, item.card->place, made);
  item.csr = to_pem(made.csr, "CERTIFICATE REQUEST");
  item.request.reset();
  item.key_reference = item.card->reference();
}

void make(Workbench& bench, CertificateItem& item, Attempt attempt) {
  auto& agent = bench.agent();
  auto request = request_of(item);
  if (attempt == Attempt::again && !item.key_reused) {
    require_unchanged(agent, item);
    request.overwrite = true;
  }
  const TraceSpan span("keygen");
  std::optional<piv::ManagementKey> key;
  if (!item.key_reused) key = management_key(bench, request.serial);
  request.management_key = key ? &*key : nullptr;
  const auto send = [&] { take(bench, item, agent.generate_csr(request)); };
  if (!needs_pin(item.card->place)) return send();
  const Secret pin = need_pin(bench, request.serial);  // without it a new key could not sign, and the old one were gone
  request.pin = &pin;
  use_pin(bench, request.serial, pin, send);
}

bool has_key(Workbench& bench, const CertificateItem& item, const Sha256& key) {
  return read_slot(bench.agent(), item.card->place).key == hex(key);
}

/// Both are superseded: a certificate without its key is of no use, and nobody else has the key.
void revoke(Recording& recording, const CertificateRow& row) {
  const Time at = floor_seconds(now());
  recording.authority.revoke(row.issuer, {row.serial, row.expires_at, Reason::superseded, at, {}});
  inventory::mark_revoked(recording.db, row.cert_id, at, Reason::superseded, {});
}

void give_up(CertificateItem& item) {
  item.status = Item::Status::failed;
  item.state = key_lost;
  item.error = Error(Code::key_not_found,
                     "the key of " + item.name + " is no longer in " + item.card->name() + "; its certificate " +
                         item.cert_id + " is revoked",
                     "issue it again",
                     {{"cert_id", item.cert_id},
                      {"serial", item.card->place.serial},
                      {"slot", piv::to_string(item.card->place.slot)}});
}

/// It may have been lost, or given to somebody else, since the key was made. @throws Error device-state, device-not-found
void require_holder(Workbench& bench, const CertificateItem& item) {
  const auto device = enrolled_row(bench, item.card->place.serial);
  if (is_of(device, item)) return;
  throw Error(Code::device_state, "the YubiKey " + device.serial + " is " + device.owner + "'s by now",
              "issue it again, for who has it");
}

}  // namespace

bool is_of(const DeviceRow& device, const CertificateItem& item) {
  return device.owner == item.owner || !item.renewed_from.empty();
}

bool is_lost(const CertificateItem& item) noexcept {
  return item.state == key_lost;
}

Progress announce_displaced(CertificateItem&, CertificatePorts&, Attempt) {
  return Progress::done;
}

Record record_displaced(const CertificateItem& item) {
  return [displaced = item.card->displaced](Recording& recording) {
    Json revoked = Json::array();
    for (const auto& cert_id : displaced) {
      const auto row = inventory::by_id(recording.db, cert_id);
      if (!row || row->status == CertificateStatus::revoked) continue;
      revoke(recording, *row);
      revoked.push(cert_id);
    }
    recording.audit = Json::object({{"revoked", revoked}});
  };
}

Progress make_on_card(CertificateItem& item, CertificatePorts& ports, Attempt attempt) {
  make(*ports.cards, item, attempt);
  return Progress::done;
}

Progress keep_request(CertificateItem&, CertificatePorts&, Attempt) {
  return Progress::done;
}

Progress sign_for_card(CertificateItem& item, CertificatePorts& ports, Attempt attempt) {
  require_holder(*ports.cards, item);
  if (attempt == Attempt::again) {
    const auto csr = parse_csr(item.csr);
    if (!has_key(*ports.cards, item, csr.key.sha256)) make(*ports.cards, item, attempt);
  }
  return sign(item, ports, attempt);
}

Progress put_on_card(CertificateItem& item, CertificatePorts& ports, Attempt attempt) {
  auto& bench = *ports.cards;
  const auto& place = item.card->place;
  if (!has_key(bench, item, item.certificate->key.sha256)) {
    give_up(item);
    return Progress::done;
  }
  const auto key = management_key(bench, place.serial);
  const auto pin = needs_pin(place) ? known_pin(bench, place.serial) : std::nullopt;
  agent::ImportRequest request;
  request.serial = place.serial;
  request.slot = place.slot;
  request.certificate = item.certificate->der;
  request.overwrite = place.overwrite || item.key_reused;
  request.management_key = &key;
  request.pin = pin ? &*pin : nullptr;
  const auto send = [&] {
    const bool signed_with = bench.agent().import_certificate(request) == agent::ImportCheck::signature;
    item.card->checked = signed_with ? "signature" : "public-key";
  };
  if (pin)
    use_pin(bench, place.serial, *pin, send);
  else
    send();
  return item.place ? deliver(item, ports, attempt) : Progress::done;
}

Record record_put_on_card(const CertificateItem& item) {
  const auto delivered = record_delivered(item);
  return [delivered, lost = is_lost(item), cert_id = item.cert_id, checked = item.card->checked](Recording& recording) {
    if (!lost) {
      delivered(recording);
      recording.audit.set("checked", checked);
      return;
    }
    if (const auto row = inventory::by_id(recording.db, cert_id)) revoke(recording, *row);
    recording.audit = Json::object({{"cert_id", cert_id}, {"revoked", to_string(Reason::superseded)}});
  };
}

}  // namespace ymgr
