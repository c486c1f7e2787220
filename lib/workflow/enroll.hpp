// Workflow: a YubiKey is attested, gets a PIN, a PUK and a management key of its own, and a row in the inventory.
#pragma once
#include <string>

#include "workflow/device_item.hpp"

namespace ymgr {

struct EnrollRequest {
  std::string serial, owner;  // empty: the only key there is; whose session this is
  PinMode pin_mode = PinMode::escrow;
  int pin_tries = 5, puk_tries = 5;
  bool adopt = false;
  GivenSecrets given;  // pin: a chosen one; with adopt: what the key has, a chosen PIN where it has the factory's
};

struct EnrollAnswer {
  DeviceAnswer operation;
  DeviceRow row;
  bool was_enrolled = false;
};

/// Without `adopt` the key must have the factory's credentials; with it, those of them that it has become others. Repeated, it finishes what was begun, or says that all is done.
/// @throws Error role-denied, user-not-found, device-not-found, device-ambiguous, device-unsupported: firmware before 4.3 ·
/// credentials-unknown: not the factory's · device-state: lost · pin-unusable, input-needed: a chosen PIN · attestation-refused ·
/// license-expired, license-invalid · operation-open, operation-running, and what the agent throws
EnrollAnswer enroll(Workbench&, EnrollRequest, const DeviceOptions&);
/// The card tells that it has the factory's PIN: what is asked for is a new one. @param serial  empty: the only key there is
bool has_factory_pin(Workbench&, const std::string& serial);

/// What the card tells of itself without a secret, as a row that is not written yet.
DeviceRow row_from(const piv::DeviceInfo& info, Time at);

}  // namespace ymgr
