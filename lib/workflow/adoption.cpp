#include "workflow/adoption.hpp"

#include "base/error.hpp"
#include "secrets/credentials.hpp"
#include "workflow/device_steps.hpp"

namespace ymgr {
namespace {

bool is_factory_key(const piv::ManagementKey& key) {
  return key.bytes.reveal() == piv::factory_management_key(key.algorithm).bytes.reveal();
}

[[noreturn]] void throw_otherwise(const std::string& serial, const std::string& what) {
  throw Error(Code::credentials_unknown, "the " + what + " of the YubiKey " + serial + " is not the one that was given",
              "give what it has; what is the factory's need not be given");
}

/// As the card tells; else as the person says. @throws Error credentials-unknown: they differ
bool is_the_factorys(const std::string& serial, const std::string& what, std::optional<bool> told, const Secret& given,
                     std::string_view factory) {
  const bool said = given.reveal() == factory;
  if (told && *told != said && !given.empty()) throw_otherwise(serial, what);
  return told.value_or(said);
}

/// The PIN of a YubiKey that has the factory's is no secret: what is given is the new one then.
bool has_factory_pin(const std::string& serial, const Secret& given, const piv::DeviceInfo& info) {
  if (info.default_pin == true && !given.empty()) return true;
  return is_the_factorys(serial, "PIN", info.default_pin, given, piv::factory_pin());
}

bool has_factory_key(Workbench& bench, const std::string& serial, const piv::DeviceInfo& info) {
  if (info.default_management_key) return *info.default_management_key;
  return knows_management_key(bench.agent(), serial, piv::factory_management_key(info.management_algorithm));
}

bool is_on_its_way(const CardSecrets& kept, Credential what) {
  return kept.pending && kept.pending->what == what;
}

/// Whether one that is not the factory's becomes another one. @throws Error input-needed, wrong-management-key
bool renews_key(DevicePorts& ports, const DeviceItem& item, const piv::DeviceInfo& info) {
  const auto& given = ports.given.management_key;
  if (given) check_given_key(ports.agent, item.target, *given);
  if (given && !is_factory_key(*given)) return info.management_key_stored;  // who has the PIN would have it, too
  const auto kept = ports.secrets.card();
  if (is_proven(ports, item.target)) return is_on_its_way(kept, Credential::management_key);
  if (info.management_key_stored && (item.new_pin || !ports.given.pin.empty())) return true;
  throw Error(Code::input_needed, "the management key of the YubiKey " + item.target + " is needed to adopt it",
              info.management_key_stored
                  ? "its PIN: --pin-prompt, --pin-stdin or --pin-file FILE: the key is kept under it"
                  : "--management-key-file FILE");
}

/// @throws Error input-needed, pin-unusable
void check_new_pin(DevicePorts& ports, const DeviceItem& item) {
  const auto& chosen = ports.given.pin;
  const bool tells = chosen.reveal() != piv::factory_pin();
  if (!chosen.empty() && tells) check_chosen(chosen, "PIN");
  if (item.pin_mode == PinMode::user && (chosen.empty() || !tells))
    throw Error(Code::input_needed,
                "the YubiKey " + item.target + " has the factory's PIN, and the person chooses the new one here",
                ports.agent.info(item.target).device.default_pin
                    ? "give the new one: --pin-prompt, --pin-stdin or --pin-file FILE"
                    : "change it first: 'ykman piv access change-pin'");
  const auto kept = ports.secrets.card();
  if (item.new_puk || !ports.given.puk.empty() ||
      (!kept.puk.empty() && !kept.puk_stale && is_proven(ports, item.target)))
    return;
  throw Error(Code::input_needed,
              "the YubiKey " + item.target + " has the factory's PIN: its PUK is needed to give it another",
              "--puk-file FILE");
}

void warn_of_unknown(Workbench& bench, const std::string& serial, const GivenSecrets& given,
                     const piv::DeviceInfo& info) {
  const bool pin = !info.default_pin && given.pin.empty(), puk = !info.default_puk && given.puk.empty();
  if (!pin && !puk) return;
  const std::string what = pin && puk ? "PIN and PUK" : pin ? "PIN" : "PUK";
  bench.notices.warn("firmware " + piv::to_string(info.firmware) + " does not tell whether " + what + " of " + serial +
                     " are still the factory's: give them with --pin-file and --puk-file to know");
}

}  // namespace

void check_given_key(agent::Client& agent, const std::string& serial, const piv::ManagementKey& key) {
  try {
    agent.verify_management_key(serial, key);
  } catch (const Error& error) {
    if (error.code() != Code::wrong_management_key) throw;
    throw Error(error.code(), error.what(), "--management-key-file must hold the one that the YubiKey has");
  }
}

void plan_adoption(Workbench& bench, DeviceItem& item, const GivenSecrets& given, const piv::DeviceInfo& info) {
  DevicePorts ports(bench, item.target, given);
  item.new_pin = has_factory_pin(item.target, given.pin, info);
  const bool factory_puk = is_the_factorys(item.target, "PUK", info.default_puk, given.puk, piv::factory_puk());
  item.new_puk = factory_puk || is_on_its_way(ports.secrets.card(), Credential::puk);
  const bool own_key_given = given.management_key && !is_factory_key(*given.management_key);
  const bool factory_key = !own_key_given && has_factory_key(bench, item.target, info);
  if (item.new_pin && factory_puk && factory_key)
    throw Error(Code::device_state, "the YubiKey " + item.target + " has the factory's PIN, PUK and management key",
                "enroll it without --adopt");
  item.new_management_key = factory_key || renews_key(ports, item, info);
  if (item.new_pin) check_new_pin(ports, item);
  warn_of_unknown(bench, item.target, given, info);
}

void forget_factory_values(GivenSecrets& given) {
  if (given.pin.reveal() == piv::factory_pin()) given.pin = {};
  if (given.puk.reveal() == piv::factory_puk()) given.puk = {};
  if (given.management_key && is_factory_key(*given.management_key)) given.management_key.reset();
}

// ---- its step

namespace {

/// What it has, of what is known; empty: nothing, or what is kept has to tell.
Secret present_puk(const DeviceItem& item, DevicePorts& ports, const piv::DeviceInfo& info) {
  const bool sure = info.default_puk == true || !is_on_its_way(ports.secrets.card(), Credential::puk);
  return item.new_puk && sure ? Secret(piv::factory_puk()) : ports.given.puk.clone();
}

/// @throws Error input-needed, wrong-management-key, and what the agent throws
void check_what_it_has(const DeviceItem& item, DevicePorts& ports, const Secret& puk, bool tells_tries, bool is_kept) {
  const auto& given = ports.given;
  if (given.management_key)
    check_given_key(ports.agent, item.target, *given.management_key);
  else if (!item.new_management_key && !is_kept)
    throw Error(Code::input_needed, "what the YubiKey " + item.target + " has is not kept here until it was checked",
                "run 'ymgr enroll --adopt' again: it takes the files");
  const auto least = tells_tries ? std::optional(2) : std::nullopt;  // what a person gives is no guess
  if (!puk.empty()) ports.agent.verify_puk(item.target, puk, least);
  if (!given.pin.empty() && !item.new_pin) ports.agent.verify_pin(item.target, given.pin, 2);
}

}  // namespace

Progress adopt_credentials(DeviceItem& item, DevicePorts& ports, Attempt attempt) {
  const auto& given = ports.given;
  if (attempt == Attempt::again) {  // it may be another card than the one that attested
    attest_device(item, ports, attempt);
    remove_throw_away_key(item, ports, attempt);
  }
  const bool is_kept = is_proven(ports, item.target);  // by an adoption that was given up
  const auto info = ports.agent.info(item.target).device;
  const Secret puk = present_puk(item, ports, info);
  check_what_it_has(item, ports, puk, info.puk_tries.has_value(), is_kept);
  if (given.management_key) ports.secrets.set_management_key(*given.management_key);
  if (!is_kept) {  // what is kept of an earlier life is not tried
    if (!given.management_key) ports.secrets.forget_management_key();
    ports.secrets.mark_puk_stale(ports.secrets.card().puk);
    ports.secrets.mark_stale(ports.secrets.pin().pin);
  }
  if (!puk.empty()) ports.secrets.set_puk(puk);
  if (!given.pin.empty() && !item.new_pin && item.pin_mode == PinMode::escrow) ports.secrets.set_pin(given.pin);
  if (!item.new_pin && ports.secrets.pin().pending) settle_pending(item, ports, attempt);
  item.proven = true;
  return Progress::done;
}

}  // namespace ymgr
