#include <algorithm>

#include "base/error.hpp"
#include "base/text.hpp"
#include "workflow/card_key.hpp"
#include "workflow/device_replace.hpp"
#include "workflow/reconciliation.hpp"
#include "workflow/set_pin.hpp"

namespace ymgr {
namespace {

const std::string show = "ymgr device show ";

/// One YubiKey and what is recorded of it.
class CardReconciliation {
 public:
  CardReconciliation(Reconciliation& whole, DeviceRow device)
      : run_(whole), row_(std::move(device)), ports_(whole.bench, row_.serial, nothing_given_) {}

  void look() {
    const auto info = ports_.agent.info(row_.serial).device;
    compare_row(info);
    if (row_.status == DeviceStatus::enrolled && piv::all_factory(info)) return note_reset();
    if (const auto open = operations::find_open(run_.bench.db, device_kind, row_.serial); open && !is_settling(*open))
      return report_open(*open);
    settle();
    if (row_.status != DeviceStatus::factory) try_management_key();
    if (ports_.secrets.pin().stale)
      report("pin_stale", "the PIN that is kept failed once and is not tried again",
             "ymgr device unblock " + row_.serial + " sets a new one with the PUK");
    if (ports_.secrets.card().puk_stale)
      report("puk_stale", "the PUK that is kept failed once and is not tried again",
             "keep to its PIN: once that is blocked only 'ymgr device reset " + row_.serial + "' helps");
    compare_slots(ports_.agent.slots(row_.serial).slots);
    if (!run_.options.dry_run && row_.status == DeviceStatus::enrolled && change_exposed_puk(run_.bench, row_.serial))
      run_.repair("puk_exposed", row_.serial, "its PUK was shown to somebody and is another one now", [] {});
  }

 private:
  void report(const char* kind, const std::string& message, std::string hint) {
    run_.report(kind, row_.serial, message, std::move(hint));
  }

  void compare_row(const piv::DeviceInfo& info) {
    if (piv::to_string(info.firmware) != row_.firmware)
      report("device_differs", "it has firmware " + piv::to_string(info.firmware) + ", recorded is " + row_.firmware,
             show + row_.serial);
  }

  /// Somebody reset it by other means: its row must say so.
  void note_reset() {
    const std::string serial = row_.serial;
    run_.repair("device_reset", serial, "it has the factory's PIN, PUK and management key", [this, serial] {
      devices::set_reset(run_.bench.db, serial, "found with the factory's credentials", run_.at);
    });
    report("device_reset", "the certificates on it have lost their keys",
           "ymgr enroll --device " + serial + ", and revoke or issue them anew");
  }

  void report_open(const StoredOperation& op) {
    report("operation_open", "an operation on it stopped half-way: " + op.request_id,
           "ymgr resume " + shell_quote(op.request_id));
  }

  /// One of an earlier reconciliation: gone on with.
  static bool is_settling(const StoredOperation& op) { return op.inputs.text_or("action", "") == "settle"; }

  /// Other commands on the key wait meanwhile, or this one for them.
  void settle_as_operation() {
    DeviceItem item;
    item.target = row_.serial;
    item.action = "settle";
    item.owner = row_.owner;
    or_throw(run_device(run_.bench, std::move(item), Json::object({}), nothing_given_, {}));
  }

  void settle() {
    const auto card = ports_.secrets.card().pending, pin = ports_.secrets.pin().pending;
    if (!card && !pin) return;
    if (!run_.options.dry_run) settle_as_operation();
    for (const auto& pending : {&card, &pin})
      if (*pending)
        run_.repair("secret_pending", row_.serial,
                    "a new " + std::string(to_string((*pending)->what)) + " was on its way to the card", [] {});
  }

  void try_management_key() {
    const auto stored = ports_.secrets.card();
    if (!stored.management_key)
      return report("management_key_unknown", "no management key of it is kept", show + row_.serial);
    if (!knows_management_key(ports_.agent, row_.serial, *stored.management_key))
      report("management_key_differs", "the management key that is kept does not open it",
             "ymgr device reset " + row_.serial + " makes it a new one; its keys are lost then");
  }

  void compare_slots(const std::vector<agent::SlotContent>& slots) {
    for (const auto& slot : slots) {
      if (slot.certificate) compare_certificate(slot);
      if (!slot.certificate && slot.key && slot.slot != piv::Slot::attestation)
        tell_bare_key(piv::to_string(slot.slot));
    }
    for (const auto& id : devices::active_certificates(run_.bench.db, row_.serial, run_.at)) look_for(id);
  }

  /// Firmware before 5.7 keeps the one that attested it, and those whose certificates were revoked.
  void tell_bare_key(const std::string& slot) {
    const std::string message = "slot " + slot + " has a key and no certificate";
    const auto firmware = agent::parse_firmware(row_.firmware);
    if (firmware && *firmware < piv::moves_since)
      return run_.note("key_without_certificate", row_.serial, message + "; its firmware can't delete keys");
    report("key_without_certificate", message,
           "ymgr issue NAME --device " + row_.serial + " --slot " + slot + " --force");
  }

  void compare_certificate(const agent::SlotContent& slot) {
    ++run_.answer.certificates;
    const std::string where = "slot " + piv::to_string(slot.slot);
    const auto found = parse_certificate(slot.certificate->bytes);
    std::optional<CertificateRow> known;
    for (auto& row : inventory::by_public_key(run_.bench.db, hex(found.key.sha256)))
      if (row.fingerprint == hex(found.fingerprint)) known = std::move(row);
    if (!known)
      return report("certificate_foreign", where + " has a certificate that is not in the inventory: " + found.subject,
                    run_.is_ours(found) ? "ymgr reconcile" : "it is none of ours; nothing needs to be done");
    if (known->status == CertificateStatus::active) return;
    report("certificate_leftover",
           where + " has the certificate of " + known->name + ", which is " + std::string(to_string(known->status)),
           "ymgr issue NAME --device " + row_.serial + " --slot " + piv::to_string(slot.slot) + " --force");
  }

  void look_for(const std::string& cert_id) {
    const auto row = inventory::by_id(run_.bench.db, cert_id);
    const auto place = row ? parse_card_reference(row->key_reference) : std::nullopt;
    if (!place) return;
    const auto found = read_slot(ports_.agent, *place);
    const std::string revoke = ", or ymgr revoke " + row->cert_id;
    if (found.key != row->public_key_sha256)
      report("key_differs",
             "slot " + row->slot + (found.key.empty() ? " has not the key of " : " has another key than ") + row->name,
             "ymgr renew " + shell_quote(row->name) + " --new-key" + revoke);
    else if (found.certificate != row->fingerprint)
      report("certificate_missing", "slot " + row->slot + " has not the certificate of " + row->name,
             "ymgr renew " + shell_quote(row->name) + " --force" + revoke);
  }

  Reconciliation& run_;
  DeviceRow row_;
  GivenSecrets nothing_given_;
  DevicePorts ports_;
};

}  // namespace

namespace reconciling {

void compare_devices(Reconciliation& run) {
  for (const auto& serial : run.options.devices) {
    ++run.answer.devices;
    run.examine("device", serial, [&] { CardReconciliation(run, devices::get(run.bench.db, serial)).look(); });
  }
}

void end_graces(Reconciliation& run) {
  for (const auto& end : run.options.dry_run ? ended_graces(run.bench) : supersede_replaced(run.bench)) {
    const auto& serial = end.device.serial;
    const auto& by = end.device.replaced_by;
    if (end.changes())
      run.repair("device_replaced", serial, "it was replaced by " + by + ", and the grace has ended", [] {});
    for (const auto& row : end.left)
      run.report(
          "certificate_not_replaced", row.cert_id,
          row.name + " in slot " + row.slot + " of the replaced YubiKey " + serial + " has no successor on " + by,
          reissue_hint(end, row));
  }
}

}  // namespace reconciling

std::vector<std::string> plugged_in_devices(Workbench& bench) {
  auto serials = plugged_serials(bench.agent());
  std::erase_if(serials, [&](const std::string& serial) { return !devices::find(bench.db, serial); });
  std::sort(serials.begin(), serials.end());
  return serials;
}

}  // namespace ymgr
