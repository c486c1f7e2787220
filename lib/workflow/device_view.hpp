// What is known of YubiKeys: rows, secrets that are kept, and what is plugged in.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "workflow/device_item.hpp"

namespace ymgr {

/// A row, a key that is plugged in, or both.
struct ListedDevice {
  std::optional<DeviceRow> row;  // nullopt: plugged in, and not enrolled
  std::optional<agent::DiscoveredDevice> plugged;
};

/// By serial. A user sees the user's own and what is plugged in. `found`: what is plugged in.
/// @throws Error role-denied
std::vector<ListedDevice> list_devices(sql::Connection&, const Session&, const devices::ListQuery&,
                                       std::vector<agent::DiscoveredDevice> found);

/// What is kept of a key's secrets: never a value.
struct KeptSecrets {
  bool pin = false, pin_stale = false, pin_exposed = false;
  bool puk = false, puk_stale = false, puk_exposed = false;
  std::string management_key;        // its algorithm; empty: none
  std::vector<std::string> pending;  // "pin", "puk", "management_key"
};
/// @throws Error role-denied
KeptSecrets kept_secrets(Stores&, const std::string& serial);

}  // namespace ymgr
