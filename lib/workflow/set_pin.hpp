// Workflows: a new PIN, by the one until now or by the PUK; a new PUK; all secrets anew.
#pragma once
#include <string>

#include "workflow/device_item.hpp"

namespace ymgr {

struct SecretsRequest {
  std::string serial;  // empty: the only key there is
  GivenSecrets given;  // pin: a chosen one
};

/// A PIN that is kept here is generated unless one was chosen; one that is the person's own must be given, and so must the one
/// until now. Repeated, it finishes what was begun.
/// @throws Error device-not-enrolled, device-state, role-denied, input-needed, pin-unusable, credential-stale · wrong-pin: the stored
/// one is stale from now on · few-tries, credentials-unknown: what an earlier change left can't be found out · operation-open,
/// operation-running, and what the agent throws
DeviceAnswer set_pin(Workbench&, const SecretsRequest&, const DeviceOptions&);
/// By the stored PUK, whatever the PIN is; a person may, too, for a key of their own. @throws as set_pin; wrong-puk, puk-blocked
DeviceAnswer unblock(Workbench&, const SecretsRequest&, const DeviceOptions&);
DeviceAnswer set_puk(Workbench&, const SecretsRequest&, const DeviceOptions&);
/// PUK, PIN (unless it is the person's own) and management key.
DeviceAnswer rotate_secrets(Workbench&, const SecretsRequest&, const DeviceOptions&);

/// An earlier run that was finished had another PIN on its way than the one that is wanted now; empty: none is.
bool keeps_another_pin(Workbench&, const DeviceRow&, const Secret& wanted);

/// A PUK that somebody was shown, and that can be changed by whoever is logged in.
bool is_puk_due(Workbench&, const std::string& serial);
/// After something else was done with a card at hand: a PUK that is due is changed. Nothing to do: false.
bool change_exposed_puk(Workbench&, const std::string& serial);
/// change_exposed_puk, whose failing is a warning (and false): what the command was for is done.
bool look_after_puk(Workbench&, const std::string& serial);

}  // namespace ymgr
