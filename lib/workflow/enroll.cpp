#include "workflow/enroll.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "secrets/credentials.hpp"
#include "workflow/adoption.hpp"
#include "workflow/device_owners.hpp"
#include "workflow/device_steps.hpp"
#include "workflow/license.hpp"
#include "workflow/set_pin.hpp"
#include "x509/attestation.hpp"

namespace ymgr {
namespace {

/// Nothing is stored of it, current or pending.
bool is_blank(const DeviceSecrets& secrets) {
  const auto card = secrets.card();
  const auto pin = secrets.pin();
  return card.puk.empty() && !card.management_key && !card.pending && pin.pin.empty() && !pin.pending;
}

[[noreturn]] void throw_not_factory(const std::string& serial, const std::string& what) {
  throw Error(
      Code::credentials_unknown, "the YubiKey " + serial + " has not the factory's " + what,
      "give what it has with 'ymgr enroll --adopt', or make it a new one with 'ymgr device reset " + serial + "'");
}

/// What is stored of it is of a life before a reset. It is kept until the card has attested that it is the one: by its serial number
/// alone any card could have it destroyed.
bool is_of_an_earlier_life(DevicePorts& ports, const std::string& serial) {
  if (is_blank(ports.secrets)) return false;
  const auto info = ports.agent.info(serial).device;
  if (piv::all_factory(info)) return true;
  if (info.firmware >= piv::metadata_since || !ports.secrets.card().management_key) return false;
  return knows_management_key(ports.agent, serial, piv::factory_management_key(info.management_algorithm));
}

/// @throws Error attestation-refused
void require_same_device(DevicePorts& ports, const std::string& serial, const Der& device) {
  const auto row = devices::find(ports.bench.db, serial);
  if (!row || row->attestation.empty() || row->attestation.find(to_pem(device, "CERTIFICATE")) != std::string::npos)
    return;
  throw Error(Code::attestation_refused,
              "the YubiKey " + serial + " has another attestation certificate than when it was enrolled",
              "it is another one, or F9 was overwritten; what is kept of the one enrolled stays");
}

/// @throws Error credentials-unknown
void require_factory(Workbench& bench, const std::string& serial, const piv::DeviceInfo& info) {
  if (info.default_management_key == false) throw_not_factory(serial, "management key");
  if (info.default_puk == false) throw_not_factory(serial, "PUK");
  if (info.default_pin == false) throw_not_factory(serial, "PIN");
  if (info.firmware >= piv::metadata_since) return;
  if (!knows_management_key(bench.agent(), serial, piv::factory_management_key(info.management_algorithm)))
    throw_not_factory(serial, "management key");
  bench.notices.warn("firmware " + piv::to_string(info.firmware) + " does not tell whether PIN and PUK of " + serial +
                     " are the factory's: finding out costs a try where they are not");
}

/// An enrollment was begun and given up: what it stored is worked with, unless the card was reset since.
bool was_begun(Workbench& bench, const std::string& serial, const piv::DeviceInfo& info) {
  return !is_blank(secrets_of(bench, serial)) && !all_factory(info);
}

void check_pin(const EnrollRequest& request) {
  if (request.given.pin.empty()) {
    if (request.pin_mode == PinMode::escrow || request.adopt) return;
    throw Error(Code::input_needed, "the PIN is the person's own here (secrets.pin: user)",
                "--pin-prompt, --pin-stdin or --pin-file FILE");
  }
  if (!request.adopt) check_chosen(request.given.pin, "PIN");
}

void warn_of_weaknesses(Workbench& bench, const std::string& serial, const piv::DeviceInfo& info) {
  for (const auto& weakness : info.known_weak)
    bench.notices.warn("YubiKey " + serial + ", firmware " + piv::to_string(info.firmware) + ": " + weakness.id + ": " +
                       weakness.text);
}

EnrollAnswer answer_of(Workbench& bench, DeviceAnswer operation) {
  EnrollAnswer answer;
  answer.operation = or_throw(std::move(operation));
  answer.row = devices::get(bench.db, answer.operation.serial);
  return answer;
}

DeviceItem item_of(const EnrollRequest& request, const std::string& serial, const std::string& owner) {
  DeviceItem item;
  item.target = serial;
  item.action = "enroll";
  item.owner = owner;
  item.pin_mode = request.pin_mode;
  item.adopted = request.adopt;
  item.pin_tries = request.pin_tries;
  item.puk_tries = request.puk_tries;
  return item;
}

Json inputs_of(const DeviceItem& item) {
  return Json::object({{"owner", item.owner}, {"pin_mode", to_string(item.pin_mode)}, {"adopt", item.adopted}});
}

std::optional<EnrollAnswer> enrolled_before(const std::optional<DeviceRow>& row) {
  if (!row || row->status == DeviceStatus::factory || row->status == DeviceStatus::retired) return std::nullopt;
  if (row->status == DeviceStatus::lost)
    throw Error(Code::device_state, "the YubiKey " + row->serial + " is lost", "ymgr device found " + row->serial);
  EnrollAnswer answer;
  answer.row = *row;
  answer.was_enrolled = true;
  answer.operation.serial = row->serial;
  answer.operation.state = "done";
  answer.operation.result = "already_enrolled";
  return answer;
}

/// Notes in `item` what follows from what the YubiKey has.
piv::DeviceInfo checked_info(Workbench& bench, DeviceItem& item, const EnrollRequest& request) {
  const auto& serial = item.target;
  auto info = bench.agent().info(serial).device;
  if (info.firmware < piv::attests_since)
    throw Error(Code::device_unsupported,
                "the YubiKey " + serial + " has firmware " + piv::to_string(info.firmware) + ", which attests nothing",
                "firmware 4.3 and later can be enrolled");
  if (request.adopt)
    plan_adoption(bench, item, request.given, info);
  else if (!was_begun(bench, serial, info))
    require_factory(bench, serial, info);
  return info;
}

}  // namespace

DeviceRow row_from(const piv::DeviceInfo& info, Time at) {
  DeviceRow row;
  row.serial = info.serial;
  row.firmware = piv::to_string(info.firmware);
  row.form_factor = info.form_factor;
  row.fips = info.fips;
  row.default_pin = info.default_pin;
  row.default_puk = info.default_puk;
  row.default_management_key = info.default_management_key;
  row.created_at = row.updated_at = at;
  return row;
}

bool has_factory_pin(Workbench& bench, const std::string& serial) {
  return bench.agent().info(find_serial(bench, serial)).device.default_pin == true;
}

EnrollAnswer enroll(Workbench& bench, EnrollRequest request, const DeviceOptions& options) {
  bench.session.require(Right::manage_devices);
  const std::string owner = request.owner.empty() ? bench.session.identity().user : request.owner;
  users::get(bench.db, owner);
  const std::string serial = find_serial(bench, request.serial);
  auto row = devices::find(bench.db, serial);
  if (auto answer = enrolled_before(row)) {
    if (row->owner != owner && !request.owner.empty())
      throw Error(Code::device_state, "the YubiKey " + serial + " is enrolled already, and " + row->owner + "'s",
                  "ymgr device assign " + serial + " " + owner);
    if (!options.dry_run) {
      end_stopped(bench, serial);
      tell_owner(bench, row->owner);
    }
    return std::move(*answer);
  }
  require_room(bench, owner, serial);
  const std::string before = row ? row->owner : owner;
  check_pin(request);
  if (request.adopt && request.given.management_key && request.given.management_key->bytes.size() == 24)
    request.given.management_key->algorithm = bench.agent().info(serial).device.management_algorithm;
  auto item = item_of(request, serial, owner);
  const Json inputs = inputs_of(item);
  if (!operations::find_open(bench.db, device_kind, serial)) {
    require_license(bench, serial, options.dry_run ? DryRun::yes : DryRun::no);
    const auto info = checked_info(bench, item, request);
    warn_of_weaknesses(bench, serial, info);
    if (!row) row = row_from(info, now());
  }
  if (request.adopt) forget_factory_values(request.given);
  if (!options.dry_run) {
    auto done = answer_of(bench, run_device(bench, std::move(item), inputs, request.given, options));
    if (before != owner) tell_owner(bench, before);
    if (options.request_id.empty() && keeps_another_pin(bench, done.row, request.given.pin)) {
      SecretsRequest wanted{serial, {}};
      wanted.given.pin = std::move(request.given.pin);
      set_pin(bench, wanted, {});
    }
    return done;
  }
  EnrollAnswer answer;
  answer.row = row.value_or(DeviceRow());
  answer.row.serial = answer.operation.serial = serial;
  answer.row.owner = owner;
  answer.operation.state = answer.operation.result = "planned";
  return answer;
}

// ---- its steps

Progress choose_slot(DeviceItem& item, DevicePorts& ports, Attempt) {
  for (int number = static_cast<int>(piv::Slot::last_retired); number >= static_cast<int>(piv::Slot::first_retired);
       --number) {
    const auto slot = piv::Slot{static_cast<std::uint8_t>(number)};
    const auto content = ports.agent.slot(item.target, slot);
    if (content.key || content.certificate) continue;
    item.throw_away_slot = piv::to_string(slot);
    return Progress::done;
  }
  throw Error(Code::slot_used,
              "all retired slots of the YubiKey " + item.target + " are used: none is left to attest from",
              "delete what is not needed of slots 82 to 95");
}

namespace {

struct Statement {
  Der leaf, device;
  Der key;  // of a request that was signed just now: a statement alone can be somebody else's
};

Statement statement_of(DevicePorts& ports, const agent::CsrRequest& request) {
  const auto made = ports.agent.generate_csr(request);
  if (!made.attestation || !made.attestation_certificate)
    throw Error(Code::attestation_refused, "the YubiKey " + request.serial + " attests nothing");
  return {*made.attestation, *made.attestation_certificate, parse_csr(made.csr.bytes).key.spki};
}

/// What is stored of a key that others have reset is of its earlier life.
piv::Opener present_opener(const DeviceItem& item, DevicePorts& ports, const piv::DeviceInfo& info) {
  if (item.is_reset) return piv::factory_management_key(info.management_algorithm);
  if (!item.adopted || ports.given.management_key) return current_opener(item, ports);
  if (auto key = proven_key(ports, item.target)) return std::move(*key);
  return unknown_opener(item, ports, info);
}

/// Firmware that does not tell is asked, but not for the last try. @throws Error credentials-unknown
Secret factory_pin_of(const std::string& serial, DevicePorts& ports, const piv::DeviceInfo& info) {
  Secret pin(piv::factory_pin());
  if (info.default_pin == true) return pin;
  try {
    ports.agent.verify_pin(serial, pin, 2);
  } catch (const Error& error) {
    if (error.code() != Code::wrong_pin) throw;
    throw_not_factory(serial, "PIN");
  }
  return pin;
}

/// As it is kept, once the card has proved that it is the one. Empty: not kept.
Secret kept_pin(DeviceItem& item, DevicePorts& ports) {
  if (ports.secrets.pin().pending) settle_pending(item, ports, Attempt::again);
  auto kept = ports.secrets.pin();
  if (kept.pin.empty() || kept.stale) return {};
  require_proof(ports, item.target);
  return std::move(kept.pin);
}

/// Of a FIPS key, whose keys all ask for it. @throws Error credentials-unknown: the PIN is not kept here
Secret attesting_pin(DeviceItem& item, DevicePorts& ports, const piv::DeviceInfo& info) {
  if (info.default_pin == true) return Secret(piv::factory_pin());
  if (!item.adopted && (item.is_reset || (!info.default_pin && is_blank(ports.secrets))))
    return factory_pin_of(item.target, ports, info);
  auto pin = item.adopted ? present_pin(item, ports) : kept_pin(item, ports);
  if (pin.empty())
    throw Error(
        Code::credentials_unknown,
        "the PIN of the YubiKey " + item.target + " is not kept here, and a FIPS key attests nothing without it",
        "give it with 'ymgr enroll --adopt --pin-file FILE'");
  try {
    ports.agent.verify_pin(item.target, pin, 2);
  } catch (const Error& error) {
    if (error.code() == Code::wrong_pin) ports.secrets.mark_stale(pin);
    throw;
  }
  return pin;
}

/// A key is made in the chosen slot for this alone: only a key can be attested.
Statement ask_statement(DeviceItem& item, DevicePorts& ports, const piv::DeviceInfo& info) {
  const auto slot = piv::parse_slot(item.throw_away_slot).value();
  const auto opener = present_opener(item, ports, info);
  const auto* under_pin = std::get_if<piv::ProtectedKey>(&opener);
  const Secret pin = info.fips              ? attesting_pin(item, ports, info)
                     : under_pin != nullptr ? under_pin->pin.clone()
                                            : Secret();
  agent::CsrRequest request;
  request.serial = item.target;
  request.slot = slot;
  request.algorithm = piv::Algorithm::ec_p256;
  request.pin_policy = info.fips ? piv::PinPolicy::once : piv::PinPolicy::never;
  request.touch_policy = piv::TouchPolicy::never;
  request.common_name = "YubiKey " + item.target;
  request.management_key = std::get_if<piv::ManagementKey>(&opener);
  request.is_protected = under_pin != nullptr;
  if (!pin.empty()) request.pin = &pin;
  try {
    return statement_of(ports, request);
  } catch (const Error& error) {
    if (error.code() == Code::wrong_pin || error.code() == Code::pin_blocked) ports.secrets.mark_stale(pin);
    if (error.code() != Code::slot_used) throw;
  }
  request.is_protected = false;
  request.key = agent::SlotKeySource::existing;  // made by a run that stopped, or by one before
  request.management_key = nullptr;
  return statement_of(ports, request);
}

Attestation verified(const DeviceItem& item, DevicePorts& ports, const Statement& statement,
                     const piv::DeviceInfo& info) {
  const auto trust = ports.bench.trust();
  auto attested =
      verify_attestation(statement.leaf.bytes, statement.device.bytes, trust.roots, trust.virtual_root, now());
  AttestedKey wanted;
  wanted.serial = item.target;
  wanted.slot = static_cast<int>(piv::parse_slot(item.throw_away_slot).value());
  wanted.spki = statement.key;
  require_attested(attested, wanted);
  if (attested.firmware != std::array{info.firmware.major, info.firmware.minor, info.firmware.patch})
    throw Error(Code::attestation_refused,
                "the attestation is that of other firmware than " + piv::to_string(info.firmware));
  if (item.is_reset) require_same_device(ports, item.target, statement.device);
  return attested;
}

/// Firmware before 5.7 can't: there it stays, without a certificate, and the next attestation takes another slot.
void delete_throw_away_key(const DeviceItem& item, DevicePorts& ports) {
  const auto info = ports.agent.info(item.target).device;
  if (info.firmware < piv::moves_since) return;
  const auto slot = piv::parse_slot(item.throw_away_slot).value();
  if (ports.agent.slot(item.target, slot).key)
    ports.agent.delete_certificate(item.target, slot, present_opener(item, ports, info), agent::DeleteKey::destroy);
}

/// A YubiKey that is refused is left as it was.
Attestation verified_or_cleaned(const DeviceItem& item, DevicePorts& ports, const Statement& statement,
                                const piv::DeviceInfo& info) {
  try {
    return verified(item, ports, statement, info);
  } catch (const Error&) {
    delete_throw_away_key(item, ports);
    throw;
  }
}

}  // namespace

Progress attest_device(DeviceItem& item, DevicePorts& ports, Attempt) {
  const auto info = ports.agent.info(item.target).device;
  item.is_reset = is_of_an_earlier_life(ports, item.target);
  const auto statement = ask_statement(item, ports, info);
  const auto attested = verified_or_cleaned(item, ports, statement, info);
  if (item.is_reset) ports.secrets.destroy();
  const Time at = now();
  item.row = devices::find(ports.bench.db, item.target).value_or(row_from(info, at));
  item.row.status = DeviceStatus::factory;
  item.row.enrolled_at.reset();
  item.row.owner = item.owner;
  item.row.pin_mode = item.pin_mode;
  item.row.attestation = to_pem(statement.leaf, "CERTIFICATE") + to_pem(statement.device, "CERTIFICATE");
  item.row.attestation_root = attested.root;
  item.row.attested_at = item.row.updated_at = at;
  return Progress::done;
}

Record record_attested(const DeviceItem& item) {
  return [row = item.row](Recording& recording) {
    const auto there = devices::find(recording.db, row.serial);
    if (there && there->status == DeviceStatus::lost)
      throw Error(Code::device_state, "the YubiKey " + row.serial + " is lost by now",
                  "ymgr device found " + row.serial);
    devices::put(recording.db, row);
    recording.audit = Json::object({{"firmware", row.firmware}, {"root", row.attestation_root}, {"owner", row.owner}});
  };
}

Progress remove_throw_away_key(DeviceItem& item, DevicePorts& ports, Attempt) {
  delete_throw_away_key(item, ports);
  return Progress::done;
}

Progress set_retries(DeviceItem& item, DevicePorts& ports, Attempt) {
  const auto info = ports.agent.info(item.target).device;
  if (!is_blank(ports.secrets)) return Progress::done;  // an enrollment before this one came further
  const Secret pin(piv::factory_pin());
  try {
    if (info.firmware < piv::metadata_since)
      ports.agent.verify_pin(item.target, pin, 2);  // the last try is not ours to spend
    ports.agent.set_retries(item.target, item.pin_tries, item.puk_tries, pin,
                            current_management_key(ports, item.target));
  } catch (const Error& error) {
    if (error.code() != Code::wrong_pin) throw;
    throw_not_factory(item.target, "PIN");
  }
  return Progress::done;
}

/// A PIN that was kept in an earlier life is not that person's.
Progress finish_enrollment(DeviceItem& item, DevicePorts& ports, Attempt) {
  if (item.pin_mode == PinMode::user) ports.secrets.forget_pin();
  return Progress::done;
}

Record record_enrolled(const DeviceItem& item) {
  return [serial = item.target, owner = item.owner, adopted = item.adopted](Recording& recording) {
    auto row = devices::get(recording.db, serial);
    if (row.status != DeviceStatus::factory)
      throw Error(Code::device_state,
                  "the YubiKey " + serial + " is " + std::string(to_string(row.status)) + " by now");
    row.status = DeviceStatus::enrolled;
    row.enrolled_at = row.updated_at = now();
    row.enrolled_by = recording.actor;
    row.note.clear();
    row.replaced_by.clear();
    row.superseded_at.reset();
    devices::put(recording.db, row);
    recording.audit = Json::object({{"owner", owner}, {"adopted", adopted}, {"firmware", row.firmware}});
  };
}

}  // namespace ymgr
