#include "agent/piv_types.hpp"
#include "base/error.hpp"
#include "secrets/credentials.hpp"
#include "workflow/device_item.hpp"

namespace ymgr {
namespace {

constexpr int tries_for_a_guess = 3;

/// false: the card refuses the value, for the reason named. @throws Error any other
template <class Call>
bool opens(Code refusal, Call&& call) {
  try {
    call();
    return true;
  } catch (const Error& error) {
    if (error.code() != refusal) throw;
    return false;
  }
}

enum class Before { was_not_taken, may_be_there };

/// A value that was not taken is not pending any more; one whose fate is unknown stays. @throws Error what `change` throws
/// @param before  whether the card may have it from an earlier try. A value against its rules it has never.
template <class Call>
void withdraw_if_refused(DeviceItem& item, DevicePorts& ports, Credential what, Call&& change,
                         Before before = Before::was_not_taken) {
  try {
    change();
  } catch (const Error& error) {
    const bool surely = before == Before::was_not_taken || error.code() == Code::device_refused;
    if (surely && !error.retryable() && !error.outcome_unknown()) ports.secrets.withdraw(what, item.request_id);
    throw;
  }
}

[[noreturn]] void throw_unknown(const std::string& serial, const std::string& what) {
  throw Error(Code::credentials_unknown, "the YubiKey " + serial + " has neither the pending nor the current " + what);
}

bool is_factory(DevicePorts& ports, const std::string& serial) {
  const auto row = devices::find(ports.bench.db, serial);
  return row && row->status == DeviceStatus::factory;
}

struct Known {
  Secret value;  // empty: not known
  bool stored = false;
};

/// What the person says counts more than what is stored.
Known current_pin(DevicePorts& ports, const std::string& serial) {
  if (!ports.given.current_pin.empty()) return {ports.given.current_pin.clone(), false};
  const auto stored = ports.secrets.pin();
  if (!stored.pin.empty()) return {stored.stale ? Secret() : stored.pin.clone(), true};
  if (is_factory(ports, serial)) return {Secret(piv::factory_pin()), false};
  return {};
}

Known current_puk(DevicePorts& ports, const std::string& serial) {
  if (!ports.given.puk.empty()) return {ports.given.puk.clone(), false};
  const auto stored = ports.secrets.card();
  if (!stored.puk.empty()) return {stored.puk_stale ? Secret() : stored.puk.clone(), true};
  if (is_factory(ports, serial)) return {Secret(piv::factory_puk()), false};
  return {};
}

/// One that must be known. @throws Error credentials-unknown
Known need_puk(DevicePorts& ports, const std::string& serial) {
  auto puk = current_puk(ports, serial);
  if (puk.value.empty())
    throw Error(Code::credentials_unknown, "no PUK of the YubiKey " + serial + " is known that could be tried",
                "without a PUK only 'ymgr device reset " + serial + "' helps");
  return puk;
}

/// Runs what needs the PUK; a stored one that fails is not tried again.
template <class Use>
void with_puk(DevicePorts& ports, const Known& puk, Use&& use) {
  try {
    use(puk.value);
  } catch (const Error& error) {
    if (puk.stored && (error.code() == Code::wrong_puk || error.code() == Code::puk_blocked))
      ports.secrets.mark_puk_stale(puk.value);
    throw;
  }
}

/// For UNBLOCK in a recovery; a person's own does without, and so does one while the PUK itself is on its way.
Known settling_puk(DevicePorts& ports, const std::string& serial) {
  if (!ports.may_use_puk || ports.secrets.pending(Credential::puk)) return {};
  return current_puk(ports, serial);
}

/// The new PIN: pending, or in the person's hands.
Secret wanted_pin(const DeviceItem& item, DevicePorts& ports) {
  if (item.pin_mode == PinMode::user) {
    if (!ports.given.pin.empty()) return ports.given.pin.clone();
    throw Error(Code::input_needed, "the new PIN of the YubiKey " + item.target + " is not kept here",
                "run the command again that began it: it asks for the PIN, or takes --pin-file");
  }
  auto pending = ports.secrets.pending(Credential::pin);
  if (!pending || pending->request_id != item.request_id)
    throw Error(Code::version_conflict, "the pending PIN of the YubiKey " + item.target + " is gone",
                "ymgr reconcile --device " + item.target);
  return std::move(pending->value);
}

PendingSecret wanted(const DeviceItem& item, DevicePorts& ports, Credential what) {
  auto pending = ports.secrets.pending(what);
  if (!pending || pending->request_id != item.request_id)
    throw Error(Code::version_conflict,
                "the pending " + std::string(to_string(what)) + " of the YubiKey " + item.target + " is gone",
                "ymgr reconcile --device " + item.target);
  return std::move(*pending);
}

void set_pin_on_card(const DeviceItem& item, DevicePorts& ports, const Secret& next) {
  const auto current = current_pin(ports, item.target);
  if (current.value.empty())
    throw Error(Code::credential_stale, "no PIN of the YubiKey " + item.target + " is known that could be tried",
                unblock_hint(ports.agent, item.target));
  try {
    ports.agent.set_pin(item.target, current.value, next);
  } catch (const Error& error) {
    if (current.stored && (error.code() == Code::wrong_pin || error.code() == Code::pin_blocked))
      ports.secrets.mark_stale(current.value);
    if (error.code() != Code::pin_blocked) throw;
    throw Error(error.code(), error.what(), unblock_hint(ports.agent, item.target), error.details());
  }
}

/// @return true: the card has the pending PIN now; false: it has the current one
bool settle_pin(DevicePorts& ports, const std::string& serial, const Secret& next) {
  const auto fits = [&](const Secret& pin, std::optional<int> tries) {
    return opens(Code::wrong_pin, [&] { ports.agent.verify_pin(serial, pin, tries); });
  };
  if (const auto puk = settling_puk(ports, serial); !puk.value.empty()) {
    return opens(Code::device_refused, [&] {  // a value against its rules it has not got
      with_puk(ports, puk, [&](const Secret& value) { ports.agent.unblock_pin(serial, value, next); });
    });
  }
  // What a person gives is no guess.
  if (!ports.given.current_pin.empty() && fits(ports.given.current_pin, std::nullopt)) return false;
  if (fits(next, tries_for_a_guess)) return true;
  const auto current = current_pin(ports, serial);
  if (!current.value.empty() && ports.given.current_pin.empty() && fits(current.value, tries_for_a_guess)) return false;
  if (current.stored) ports.secrets.mark_stale(current.value);
  throw_unknown(serial, "PIN");
}

/// Old firmware does not tell how many are left. @return nullopt: a guess is fine all the same
std::optional<int> tries_for_the_puk(DevicePorts& ports, const std::string& serial, const piv::DeviceInfo& info) {
  if (info.puk_tries) return tries_for_a_guess;
  if (is_factory(ports, serial) || ports.given.may_spend_try) return std::nullopt;  // SET RETRIES has just filled it
  throw Error(Code::few_tries,
              "the YubiKey " + serial + ", firmware " + piv::to_string(info.firmware) +
                  ", has the pending or the current PUK, and does not tell how many tries are left to find out which",
              "'ymgr device set-puk " + serial + " --spend-try' finds out: it costs one try at most");
}

bool settle_puk(DevicePorts& ports, const std::string& serial, const Secret& next) {
  const auto info = ports.agent.info(serial).device;
  if (is_factory(ports, serial) && info.default_puk == true) return false;
  const auto tries = tries_for_the_puk(ports, serial, info);
  const auto fits = [&](const Secret& puk) {
    return opens(Code::wrong_puk, [&] { ports.agent.verify_puk(serial, puk, tries); });
  };
  if (fits(next)) return true;
  const auto current = current_puk(ports, serial);
  if (!current.value.empty() && fits(current.value)) return false;
  if (current.stored) ports.secrets.mark_puk_stale(current.value);
  throw_unknown(serial, "PUK");
}

piv::ManagementKey copy_of(const piv::ManagementKey& key) {
  return {key.algorithm, key.bytes.clone()};
}

/// A run that stopped may have left a former one under the PIN.
bool has_management_key(DevicePorts& ports, const std::string& serial, const piv::ManagementKey& next) {
  if (!knows_management_key(ports.agent, serial, next)) return false;
  if (ports.agent.info(serial).device.management_key_stored)
    ports.agent.rotate_management_key(serial, copy_of(next), next);
  return true;
}

bool settle_management_key(DevicePorts& ports, const std::string& serial, const piv::ManagementKey& next) {
  if (has_management_key(ports, serial, next)) return true;
  if (knows_management_key(ports.agent, serial, current_management_key(ports, serial))) return false;
  throw_unknown(serial, "management key");
}

bool settle(DevicePorts& ports, const std::string& serial, const PendingSecret& pending) {
  switch (pending.what) {
    case Credential::pin: return settle_pin(ports, serial, pending.value);
    case Credential::puk: return settle_puk(ports, serial, pending.value);
    case Credential::management_key:
      return settle_management_key(ports, serial, {pending.algorithm, pending.value.clone()});
  }
  return false;
}

void settle_document(DevicePorts& ports, const std::string& serial, const PendingSecret& pending) {
  if (pending.what != Credential::management_key) require_proof(ports, serial);
  if (settle(ports, serial, pending))
    ports.secrets.promote(pending.what, pending.request_id);
  else
    ports.secrets.withdraw(pending.what, pending.request_id);
}

/// What another operation left that was given up. PUK and management key first: they settle the PIN.
void settle_others(const DeviceItem& item, DevicePorts& ports, Credential what) {
  const auto settle_foreign = [&](const std::optional<PendingSecret>& pending) {
    if (pending && pending->request_id != item.request_id) settle_document(ports, item.target, *pending);
  };
  if (what != Credential::pin || ports.may_use_puk) settle_foreign(ports.secrets.card().pending);
  if (what == Credential::pin) settle_foreign(ports.secrets.pin().pending);
}

/// Nobody knows what the card has: an earlier run has ended since it was announced.
bool is_resumed(const DeviceItem& item, Attempt attempt) {
  return attempt == Attempt::again && !item.announced;
}

bool must_look(const DeviceItem& item, DevicePorts& ports, Attempt attempt) {
  if (!is_resumed(item, attempt)) return false;
  require_proof(ports, item.target);
  return true;
}

}  // namespace

void require_proof(DevicePorts& ports, const std::string& serial) {
  if (!ports.secrets.card().management_key || is_proven(ports, serial)) return;
  throw Error(
      Code::credentials_unknown,
      "what calls itself YubiKey " + serial + " does not know its management key: nothing was sent to it",
      "look whether it is the right one; after a reset by other means, 'ymgr reconcile --device " + serial + "'");
}

bool knows_management_key(agent::Client& agent, const std::string& serial, const piv::ManagementKey& key) {
  return opens(Code::wrong_management_key, [&] { agent.verify_management_key(serial, key); });
}

std::optional<piv::ManagementKey> proven_key(DevicePorts& ports, const std::string& serial) {
  auto stored = ports.secrets.card();
  if (stored.management_key && knows_management_key(ports.agent, serial, *stored.management_key))
    return std::move(stored.management_key);
  if (!stored.pending || stored.pending->what != Credential::management_key) return std::nullopt;
  piv::ManagementKey pending{stored.pending->algorithm, std::move(stored.pending->value)};
  return knows_management_key(ports.agent, serial, pending) ? std::optional(std::move(pending)) : std::nullopt;
}

bool is_proven(DevicePorts& ports, const std::string& serial) {
  return proven_key(ports, serial).has_value();
}

piv::ManagementKey current_management_key(DevicePorts& ports, const std::string& serial) {
  if (ports.given.management_key) return copy_of(*ports.given.management_key);
  auto stored = ports.secrets.card();
  if (stored.management_key) return std::move(*stored.management_key);
  return piv::factory_management_key(ports.agent.info(serial).device.management_algorithm);
}

Secret present_pin(const DeviceItem& item, DevicePorts& ports) {
  if (item.adopted && item.new_pin) return Secret(piv::factory_pin());
  if (item.adopted && !ports.given.pin.empty()) return ports.given.pin.clone();
  if (item.adopted && !item.proven && !is_proven(ports, item.target))
    return {};  // what is kept may be of an earlier life
  auto kept = ports.secrets.pin();
  return kept.stale ? Secret() : std::move(kept.pin);
}

piv::Opener unknown_opener(const DeviceItem& item, DevicePorts& ports, const piv::DeviceInfo& info) {
  if (!info.management_key_stored) return piv::factory_management_key(info.management_algorithm);
  auto pin = present_pin(item, ports);
  if (!pin.empty()) return piv::ProtectedKey{std::move(pin)};
  throw Error(Code::input_needed,
              "the PIN of the YubiKey " + item.target + " is needed: its management key is kept under it",
              "run 'ymgr enroll --adopt' again: it asks for the PIN, or takes --pin-file");
}

piv::Opener current_opener(const DeviceItem& item, DevicePorts& ports) {
  if (ports.given.management_key) return copy_of(*ports.given.management_key);
  if (auto stored = ports.secrets.card().management_key) return std::move(*stored);
  return unknown_opener(item, ports, ports.agent.info(item.target).device);
}

Progress propose_pin(DeviceItem& item, DevicePorts& ports, Attempt) {
  settle_others(item, ports, Credential::pin);
  require_proof(ports, item.target);
  if (item.pin_mode == PinMode::user) return Progress::done;
  ports.secrets.propose(
      {item.request_id, Credential::pin, ports.given.pin.empty() ? make_digits() : ports.given.pin.clone(), {}});
  return Progress::done;
}

Progress propose_puk(DeviceItem& item, DevicePorts& ports, Attempt) {
  settle_others(item, ports, Credential::puk);
  require_proof(ports, item.target);
  ports.secrets.propose({item.request_id, Credential::puk, make_digits(), {}});
  return Progress::done;
}

Progress propose_management_key(DeviceItem& item, DevicePorts& ports, Attempt) {
  settle_others(item, ports, Credential::management_key);
  const bool aes = ports.agent.info(item.target).device.firmware >= piv::aes_since;
  auto key = make_management_key(aes ? piv::ManagementAlgorithm::aes_192 : piv::ManagementAlgorithm::tdes);
  ports.secrets.propose({item.request_id, Credential::management_key, std::move(key.bytes), key.algorithm});
  return Progress::done;
}

Progress announce(DeviceItem& item, DevicePorts&, Attempt) {
  item.announced = true;
  return Progress::done;
}

Progress change_pin(DeviceItem& item, DevicePorts& ports, Attempt attempt) {
  const auto next = wanted_pin(item, ports);
  if (must_look(item, ports, attempt) && settle_pin(ports, item.target, next)) return Progress::done;
  withdraw_if_refused(item, ports, Credential::pin, [&] { set_pin_on_card(item, ports, next); });
  return Progress::done;
}

Progress unblock_pin(DeviceItem& item, DevicePorts& ports, Attempt attempt) {
  if (is_resumed(item, attempt)) require_proof(ports, item.target);
  const auto next = wanted_pin(item, ports);
  const auto puk = need_puk(ports, item.target);
  withdraw_if_refused(
      item, ports, Credential::pin,
      [&] { with_puk(ports, puk, [&](const Secret& value) { ports.agent.unblock_pin(item.target, value, next); }); },
      is_resumed(item, attempt) ? Before::may_be_there : Before::was_not_taken);
  return Progress::done;
}

Progress change_puk(DeviceItem& item, DevicePorts& ports, Attempt attempt) {
  const auto next = wanted(item, ports, Credential::puk);
  if (must_look(item, ports, attempt) && settle_puk(ports, item.target, next.value)) return Progress::done;
  withdraw_if_refused(item, ports, Credential::puk, [&] {
    with_puk(ports, need_puk(ports, item.target),
             [&](const Secret& value) { ports.agent.set_puk(item.target, value, next.value); });
  });
  return Progress::done;
}

Progress change_management_key(DeviceItem& item, DevicePorts& ports, Attempt attempt) {
  const auto pending = wanted(item, ports, Credential::management_key);
  const piv::ManagementKey next{pending.algorithm, pending.value.clone()};
  const bool resumed = is_resumed(item, attempt);
  if (resumed && has_management_key(ports, item.target, next)) return Progress::done;
  const auto opener = current_opener(item, ports);
  const auto* key = std::get_if<piv::ManagementKey>(&opener);
  if (resumed && key != nullptr && !knows_management_key(ports.agent, item.target, *key))
    throw_unknown(item.target, "management key");
  withdraw_if_refused(
      item, ports, Credential::management_key, [&] { ports.agent.rotate_management_key(item.target, opener, next); },
      resumed ? Before::may_be_there : Before::was_not_taken);
  return Progress::done;
}

Progress settle_pending(DeviceItem& item, DevicePorts& ports, Attempt) {
  // The PUK first: it settles the PIN.
  for (const bool pin : {false, true})
    if (const auto pending = pin ? ports.secrets.pin().pending : ports.secrets.card().pending)
      settle_document(ports, item.target, *pending);
  return Progress::done;
}

}  // namespace ymgr
