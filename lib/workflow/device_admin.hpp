// Workflows: whose a YubiKey is and what became of it.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "workflow/device_item.hpp"

namespace ymgr {

struct AdminAnswer {
  std::string request_id;  // under which the audit trail has it
  DeviceRow row;           // as it is now, or would be
  std::vector<std::string> revoked;
  bool changed = false;
};

struct AdminOptions {
  std::string note;
  bool dry_run = false;
};

/// Whose it is. Certificates on it stay their owners'. @throws Error device-not-enrolled, user-not-found, role-denied
AdminAnswer assign_device(Workbench&, const std::string& serial, const std::string& owner, const AdminOptions&);
/// Certificates on it are revoked; its secrets are kept, since it may be found. Repeated, it revokes what is left.
/// @throws Error device-not-enrolled, role-denied, and what revoke throws
AdminAnswer lose_device(Workbench&, const std::string& serial, Reason, const AdminOptions&);
/// How the note of those revocations begins.
std::string revocation_note(const std::string& serial, DeviceStatus);
/// Taken out of use for good, in the same way.
AdminAnswer retire_device(Workbench&, const std::string& serial, Reason, const AdminOptions&);
/// A lost one is worked with again; what was revoked stays revoked. @throws Error device-state: it was not lost
AdminAnswer find_device(Workbench&, const std::string& serial, const AdminOptions&);

/// Shows PIN or PUK to an operator. The audit trail has it, with the note, before anything is shown; the secret is marked as exposed,
/// and a PUK is changed when the key is next at hand.
/// @throws Error device-not-enrolled, role-denied, usage: no note; secret-not-found: it is not kept here
Secret reveal_secret(Workbench&, const std::string& serial, Credential what, const std::string& note);

/// Of the YubiKey itself (its row), or of the key in a slot, asked and verified now.
struct DeviceAttestation {
  std::string serial, slot;
  std::array<int, 3> firmware{};
  int pin_policy = 0, touch_policy = 0;
  std::string root, statement, device;  // PEM
  std::string public_key_sha256;
  enum class Puk { unchanged, changed, planned } puk = Puk::unchanged;
};
/// A PUK that somebody was shown is changed, since the key is at hand; with `dry_run` it is planned.
/// @throws Error slot-empty, attestation-refused, and what the agent throws
DeviceAttestation attest_slot(Workbench&, const std::string& serial, piv::Slot slot, bool dry_run);

}  // namespace ymgr
