// An enrollment that keeps what a YubiKey has. What is the factory's is known, and becomes another; so does a management key that
// ykman keeps on the card under its PIN.
#pragma once
#include <string>

#include "workflow/device_item.hpp"

namespace ymgr {

/// Notes in `item` what becomes another: as the card tells, else as the person says.
/// @param given  what the YubiKey has and is not the factory's; `pin` is a new one where the factory's is there
/// @throws Error device-state: all of it is the factory's · input-needed: something is missing · credentials-unknown: the card tells
/// otherwise than the person · wrong-management-key · pin-unusable: the new one
void plan_adoption(Workbench&, DeviceItem& item, const GivenSecrets& given, const piv::DeviceInfo&);
/// The steps know the factory's values: as given ones they would count for what comes after them.
void forget_factory_values(GivenSecrets&);
/// Asks the card, which counts nothing. @throws Error wrong-management-key
void check_given_key(agent::Client&, const std::string& serial, const piv::ManagementKey&);

}  // namespace ymgr
