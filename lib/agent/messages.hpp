// What the agent answers about keys, as JSON in both directions. agentd/openapi.yaml describes the same.
// Readers throw Error json-invalid: a member is missing, of another type, or a word is not known. Members that they do not know they skip.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "agent/piv_types.hpp"
#include "base/json.hpp"

namespace ymgr::agent {

/// The firmware as text tells it: "5.7.4"; nullopt: anything else.
std::optional<piv::Firmware> parse_firmware(std::string_view text) noexcept;

/// GET /piv/info. `reset_refused` stands beside it and is not read here.
Json to_json(const piv::DeviceInfo&);
piv::DeviceInfo device_info_from(const Json&);

enum class DeviceState {
  ready,
  busy,
  failed
};  // failed: it was not to be read when it was plugged in, `error` says why
/// One of GET /discover: what was seen when it was plugged in.
struct DiscoveredDevice {
  std::string serial;  // empty: it tells none, or could not be read
  std::string reader;
  std::optional<piv::Firmware> firmware;  // nullopt: it could not be read
  std::string form_factor;                // empty: it tells none
  DeviceState state = DeviceState::ready;
  bool touch = false;  // it waits for a finger
  std::string error;   // empty: none
};
Json to_json(const DiscoveredDevice&);
DiscoveredDevice discovered_device_from(const Json&);
/// {"devices":[…]}
Json to_json(const std::vector<DiscoveredDevice>&);
std::vector<DiscoveredDevice> discovered_devices_from(const Json&);

/// One of GET /piv/slots.
struct SlotContent {
  piv::Slot slot{};
  bool key_known = true;  // false: the firmware does not tell keys (before 5.3)
  std::optional<piv::KeyInfo> key;
  std::optional<Der> certificate;
};
Json to_json(const SlotContent&);
SlotContent slot_content_from(const Json&);

/// GET /piv/check-defaults; nullopt: the firmware does not tell.
struct DefaultCredentials {
  std::string serial;
  std::optional<bool> pin, puk, management_key;
};
Json to_json(const DefaultCredentials&);

}  // namespace ymgr::agent
