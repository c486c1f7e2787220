// What every change of a YubiKey goes through: a new secret is pending in the store before the card has it, is checked on the card,
// and only then becomes the current one. After a run that stopped half-way the card is asked before anything is sent again.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/client.hpp"
#include "inventory/devices.hpp"
#include "secrets/device_secrets.hpp"
#include "workflow/engine.hpp"
#include "workflow/operation.hpp"

namespace ymgr {

/// Of every operation on a YubiKey, so that two of them on one serial exclude each other.
inline constexpr const char* device_kind = "device";

/// What a person gave for this command; gone with it.
struct GivenSecrets {
  Secret pin, current_pin, puk;  // pin: the new one
  std::optional<piv::ManagementKey> management_key;
  bool may_spend_try =
      false;  // to find out which PUK the card has, where its firmware does not tell how many tries are left
};

/// A YubiKey on its way; the journal has all of it but `row` and `announced`.
struct DeviceItem : Item {
  std::string request_id, action, owner;  // action: "enroll", "set-pin", …; owner: of an enrollment
  PinMode pin_mode = PinMode::escrow;
  bool adopted = false;  // its credentials were known before
  /// Of an adoption: the factory's PIN and PUK, and the factory's management key or one under the PIN, become others.
  bool new_pin = false, new_puk = false, new_management_key = false;
  int pin_tries = 5, puk_tries = 5;
  DeviceRow row;                // of an enrollment, in this run: what was found
  std::string throw_away_slot;  // holds a key that was made for the attestation alone
  bool is_reset = false;        // of an enrollment, in this run: what is kept is of a life before a reset
  bool proven = false;          // of a reset: it knew the management key that is kept; of an adoption: all was checked
  bool announced = false;       // in this run: nothing was sent to the card before

  Json journal() const;
  static DeviceItem from(const StoredItem&);
};

/// What is kept of a YubiKey's secrets. @throws Error role-denied: the session can't open them
DeviceSecrets secrets_of(Workbench&, std::string_view serial);
/// Asks the card, which counts nothing. @throws Error what the agent throws
bool knows_management_key(agent::Client&, const std::string& serial, const piv::ManagementKey&);

/// What the steps work with. A single item runs on the command's own thread, so that they may ask the store.
struct DevicePorts {
  DevicePorts(Workbench& workbench, const std::string& serial, const GivenSecrets& secrets);
  Workbench& bench;
  agent::Client& agent;
  DeviceSecrets secrets;
  const GivenSecrets& given;
  bool may_use_puk = true;  // to settle a PIN: for operators, and for who unblocks
};

using DeviceStep = Step<DeviceItem, DevicePorts>;

// The four steps of a change. With PinMode::user the PIN is never pending: it lives in GivenSecrets alone.
Progress propose_pin(DeviceItem&, DevicePorts&, Attempt);
Progress propose_puk(DeviceItem&, DevicePorts&, Attempt);
Progress propose_management_key(DeviceItem&, DevicePorts&, Attempt);
/// Its mark says that the card may have the new value from now on.
Progress announce(DeviceItem&, DevicePorts&, Attempt);
Progress change_pin(DeviceItem&, DevicePorts&, Attempt);
/// By the PUK, whatever the PIN was.
Progress unblock_pin(DeviceItem&, DevicePorts&, Attempt);
Progress change_puk(DeviceItem&, DevicePorts&, Attempt);
Progress change_management_key(DeviceItem&, DevicePorts&, Attempt);
template <Credential what>
Progress promote(DeviceItem& item, DevicePorts& ports, Attempt) {
  ports.secrets.promote(what, item.request_id);
  item.announced = false;
  return Progress::done;
}

/// What an operation that was given up left pending: the card is asked which it has, and the store says so afterwards. Nothing
/// pending: nothing is asked. A PIN whose PUK is known becomes the pending one by UNBLOCK; anything else is a guess, made
/// only while three tries are left: the pending value, then the current one. The whole of the action "settle".
/// @throws Error few-tries, credentials-unknown, and what the agent throws
Progress settle_pending(DeviceItem&, DevicePorts&, Attempt);

/// The management key that is kept, or the one on its way: which of them the card knows. Where none is kept, nobody can tell: nullopt.
std::optional<piv::ManagementKey> proven_key(DevicePorts&, const std::string& serial);
bool is_proven(DevicePorts&, const std::string& serial);

/// Before PIN or PUK is sent: who can do without the management key may answer anything, and would be believed.
/// @throws Error credentials-unknown
void require_proof(DevicePorts&, const std::string& serial);

/// What opens the card: the management key that was given, else as the store knows it, or the factory's while it has none.
piv::ManagementKey current_management_key(DevicePorts&, const std::string& serial);
/// The same of a card whose management key may be kept on it under its PIN.
/// @throws Error input-needed: it is, and the PIN must be given
piv::Opener current_opener(const DeviceItem&, DevicePorts&);
/// Of a card whose management key was neither given nor is stored.
piv::Opener unknown_opener(const DeviceItem&, DevicePorts&, const piv::DeviceInfo&);
/// The PIN before an enrollment sets one; empty: not known.
Secret present_pin(const DeviceItem&, DevicePorts&);

struct DeviceAnswer {
  std::string request_id, state, action, result;  // result: "enrolled", "already_enrolled", "changed", …
  std::string serial;
  DeviceItem item;
  std::vector<Json> items;     // the same for `resume`
  std::optional<Error> error;  // why it is not done
  int exit = 0;
  bool changed = false, resumable = false;
};

struct DeviceOptions {
  std::string request_id;
  bool dry_run = false;
};

/// Begins (or takes over) an operation on `item.target` and brings it to its end.
/// @param inputs  by these a second run is known to be the same  @throws Error operation-open, operation-running
DeviceAnswer run_device(Workbench&, DeviceItem, const Json& inputs, const GivenSecrets&, const DeviceOptions&);
/// What run_device would refuse of these. @throws Error operation-open: something else is half done on `item.target`
void require_no_other(Workbench&, const DeviceItem& item, const Json& inputs);
/// Goes on with one that this process has taken over.
DeviceAnswer resume_device(Workbench&, const std::string& request_id, const GivenSecrets& = {});
/// Ends an operation on it that was done but for its end. nullopt: there was none.
std::optional<DeviceAnswer> end_stopped(Workbench&, const std::string& serial);
/// @throws Error what kept it from its end
DeviceAnswer or_throw(DeviceAnswer);

/// Serial numbers of what is plugged in, as the agent found them.
std::vector<std::string> plugged_serials(agent::Client&);
/// The serial that was meant: `asked`, or that of the only key there is.
/// @throws Error device-ambiguous with details serials, device-not-found
std::string find_serial(Workbench&, const std::string& asked);
/// What helps where the PIN is blocked or known to be wrong. @throws Error what the agent throws
std::string unblock_hint(agent::Client&, const std::string& serial);
/// The row of a YubiKey that is worked with, which the session may touch.
/// @throws Error device-not-enrolled, device-state, role-denied
DeviceRow enrolled_row(Workbench&, const std::string& serial);

}  // namespace ymgr
