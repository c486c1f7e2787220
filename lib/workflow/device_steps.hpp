// The tables of steps of what is done to YubiKeys.
#pragma once
#include <span>
#include <string>

#include "workflow/device_item.hpp"

namespace ymgr {

/// Of `item.action`. @throws Error internal: there is no such action
std::span<const DeviceStep> device_steps(const DeviceItem& item);
/// What the answer says when all of them are done: "enrolled", "changed", …
std::string device_result(const DeviceItem& item);

// Of an enrollment.
Progress choose_slot(DeviceItem&, DevicePorts&, Attempt);
Progress attest_device(DeviceItem&, DevicePorts&, Attempt);
Record record_attested(const DeviceItem&);
Progress remove_throw_away_key(DeviceItem&, DevicePorts&, Attempt);
Progress set_retries(DeviceItem&, DevicePorts&, Attempt);
Progress adopt_credentials(DeviceItem&, DevicePorts&, Attempt);
Progress finish_enrollment(DeviceItem&, DevicePorts&, Attempt);
Record record_enrolled(const DeviceItem&);

// Of a reset.
/// The row says `factory` from now on: the card may have the factory's credentials before anybody can note it.
Record record_reset_begun(const DeviceItem&);
/// announce, and whether the card knows the management key that is kept: afterwards nobody can tell.
Progress announce_reset(DeviceItem&, DevicePorts&, Attempt);
Progress reset_card(DeviceItem&, DevicePorts&, Attempt);
/// Those of a card that has proved nothing are kept until its next enrollment is attested.
Progress forget_secrets(DeviceItem&, DevicePorts&, Attempt);
Record record_reset(const DeviceItem&);

}  // namespace ymgr
