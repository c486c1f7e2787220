#include "workflow/device_admin.hpp"

#include "base/error.hpp"
#include "base/ids.hpp"
#include "base/text.hpp"
#include "inventory/inventory.hpp"
#include "workflow/device_owners.hpp"
#include "workflow/device_reset.hpp"
#include "workflow/set_pin.hpp"
#include "x509/attestation.hpp"

namespace ymgr {
namespace {

void append(Workbench& bench, const std::string& request_id, const std::string& event, const std::string& serial,
            Json data) {
  audit::append(bench.db, bench.session.identity().user, {{request_id, event, serial, std::move(data)}},
                bench.head_signer);
}

AdminAnswer begin(Workbench& bench, const std::string& serial) {
  bench.session.require(Right::manage_devices);
  AdminAnswer answer;
  answer.row = devices::get(bench.db, serial);
  answer.request_id = new_id("req", now());
  bench.begins(answer.request_id);
  return answer;
}

/// One change of the row with its audit event.
void change(Workbench& bench, AdminAnswer& answer, const std::string& event, Json data,
            const std::function<void(Time at)>& write) {
  const std::string serial = answer.row.serial;
  bench.db.transaction(sql::Access::write, [&] {
    write(now());
    append(bench, answer.request_id, event, serial, data);
  });
  answer.row = devices::get(bench.db, serial);
  answer.changed = true;
}

AdminAnswer take_out(Workbench& bench, const std::string& serial, DeviceStatus status, Reason reason,
                     const AdminOptions& options) {
  auto answer = begin(bench, serial);
  if (options.dry_run) {
    answer.revoked = revocable_certificates(bench.db, serial, reason);
    answer.row.status = status;
    return answer;
  }
  // The row first: whatever stops the revocation, nobody works with the key any more, and the same command goes on.
  const std::string word(to_string(status));
  if (answer.row.status != status)
    change(bench, answer, "device." + word,
           Json::object({{"note", options.note}, {"reason", to_string(reason)}, {"was", to_string(answer.row.status)}}),
           [&](Time at) { devices::set_status(bench.db, serial, status, options.note, at); });
  tell_owner(bench, answer.row.owner);
  const auto note = revocation_note(serial, status) + (options.note.empty() ? "" : ": " + options.note);
  answer.revoked = revoke_certificates_of(bench, serial, reason, note);
  answer.changed = answer.changed || !answer.revoked.empty();
  return answer;
}

}  // namespace

AdminAnswer assign_device(Workbench& bench, const std::string& serial, const std::string& owner,
                          const AdminOptions& options) {
  auto answer = begin(bench, serial);
  if (!users::get(bench.db, owner).enabled)
    throw Error(Code::user_disabled, "the user " + owner + " is disabled", "ymgr user enable " + owner);
  const std::string was = answer.row.owner;
  if (was == owner) {
    if (!options.dry_run) tell_owner(bench, owner);  // it may have been interrupted before that
    return answer;
  }
  require_room(bench, owner, serial);
  answer.row.owner = owner;
  if (options.dry_run) return answer;
  change(bench, answer, "device.assigned", Json::object({{"owner", owner}, {"was", was}, {"note", options.note}}),
         [&](Time at) { devices::set_owner(bench.db, serial, owner, at); });
  tell_owner(bench, was);
  tell_owner(bench, owner);
  return answer;
}

std::string revocation_note(const std::string& serial, DeviceStatus status) {
  return "YubiKey " + serial + " " + std::string(to_string(status));
}

AdminAnswer lose_device(Workbench& bench, const std::string& serial, Reason reason, const AdminOptions& options) {
  return take_out(bench, serial, DeviceStatus::lost, reason, options);
}

AdminAnswer retire_device(Workbench& bench, const std::string& serial, Reason reason, const AdminOptions& options) {
  return take_out(bench, serial, DeviceStatus::retired, reason, options);
}

AdminAnswer find_device(Workbench& bench, const std::string& serial, const AdminOptions& options) {
  auto answer = begin(bench, serial);
  if (answer.row.status == DeviceStatus::enrolled) {
    if (!options.dry_run) tell_owner(bench, answer.row.owner);
    return answer;
  }
  if (answer.row.status != DeviceStatus::lost)
    throw Error(Code::device_state,
                "the YubiKey " + serial + " is " + std::string(to_string(answer.row.status)) + ", not lost",
                "ymgr device show " + serial);
  // One that was lost before its enrollment had ended has the factory's credentials, or may have.
  const auto status = answer.row.enrolled_at ? DeviceStatus::enrolled : DeviceStatus::factory;
  answer.row.status = status;
  require_room(bench, answer.row.owner, serial);
  if (options.dry_run) return answer;
  change(bench, answer, "device.found", Json::object({{"note", options.note}}),
         [&](Time at) { devices::set_status(bench.db, serial, status, options.note, at); });
  tell_owner(bench, answer.row.owner);
  return answer;
}

Secret reveal_secret(Workbench& bench, const std::string& serial, Credential what, const std::string& note) {
  bench.session.require(Right::manage_devices);
  if (trim(note).empty()) throw Error(Code::usage, "why is the secret to be shown?", "--note TEXT");
  devices::get(bench.db, serial);
  const std::string id = new_id("req", now());
  bench.begins(id);
  auto secrets = secrets_of(bench, serial);
  Secret value = what == Credential::pin ? secrets.pin().pin.clone() : secrets.card().puk.clone();
  if (value.empty())
    throw Error(
        Code::secret_not_found,
        "no " + std::string(what == Credential::pin ? "PIN" : "PUK") + " of the YubiKey " + serial + " is kept here",
        "ymgr device show " + serial + " tells what is kept");
  secrets.mark_exposed(what);  // before anybody sees it: killed from here on, it counts as seen
  bench.db.transaction(sql::Access::write, [&] {
    append(bench, id, "device.revealed", serial, Json::object({{"what", to_string(what)}, {"note", note}}));
  });
  return value;
}

DeviceAttestation attest_slot(Workbench& bench, const std::string& serial, piv::Slot slot, bool dry_run) {
  bench.session.require(Right::use_devices);
  const auto row = devices::find(bench.db, serial);
  if (row) bench.session.require_touch(row->owner, "the YubiKey " + serial);
  const auto read = bench.agent().attest(serial, slot);
  const auto trust = bench.trust();
  const auto attested = verify_attestation(read.attestation.bytes, read.attestation_certificate.bytes, trust.roots,
                                           trust.virtual_root, now());
  AttestedKey wanted;
  wanted.serial = serial;
  wanted.slot = static_cast<int>(slot);
  require_attested(attested, wanted);
  DeviceAttestation out;
  out.serial = serial;
  out.slot = piv::to_string(slot);
  out.firmware = attested.firmware;
  out.pin_policy = attested.pin_policy;
  out.touch_policy = attested.touch_policy;
  out.root = attested.root;
  out.statement = to_pem(read.attestation, "CERTIFICATE");
  out.device = to_pem(read.attestation_certificate, "CERTIFICATE");
  out.public_key_sha256 = hex(attested.key.sha256);
  if (!row || row->status != DeviceStatus::enrolled) return out;
  if (dry_run && is_puk_due(bench, serial)) out.puk = DeviceAttestation::Puk::planned;
  if (!dry_run && look_after_puk(bench, serial)) out.puk = DeviceAttestation::Puk::changed;
  return out;
}

}  // namespace ymgr
