#include "agent/messages.hpp"

#include <algorithm>
#include <iterator>

#include "base/error.hpp"
#include "base/text.hpp"
#include "x509/certificate.hpp"

namespace ymgr::agent {
namespace {

constexpr std::string_view state_words[] = {"ready", "busy", "failed"};

[[noreturn]] void refuse(std::string_view name) {
  throw Error(Code::json_invalid, "the agent's answer makes no sense: " + std::string(name));
}

/// The value that `parse` finds in the member's text.
template <class Parse>
auto word(const Json& json, std::string_view name, Parse&& parse) {
  const auto value = parse(std::string_view(json.at(name).text()));
  if (!value) refuse(name);
  return *value;
}

template <class Value>
Json or_null(const std::optional<Value>& value) {
  return value ? Json(*value) : Json();
}

std::optional<bool> flag_or_null(const Json& json, std::string_view name) {
  const Json& value = json.at(name);
  return value.is_null() ? std::nullopt : std::optional(value.boolean());
}

int small(const Json& value, std::string_view name) {
  const std::int64_t number = value.integer();
  if (number < 0 || number > 255) refuse(name);
  return static_cast<int>(number);
}

Json to_json(const std::optional<piv::Tries>& tries) {
  if (!tries) return {};
  return Json::object({{"left", tries->left}, {"max", or_null(tries->max)}});
}

std::optional<piv::Tries> tries_from(const Json& json, std::string_view name) {
  const Json& value = json.at(name);
  if (value.is_null()) return std::nullopt;
  const Json& most = value.at("max");
  return piv::Tries{small(value.at("left"), name), most.is_null() ? std::nullopt : std::optional(small(most, name))};
}

Json to_json(const piv::KeyInfo& key) {
  return Json::object({{"algorithm", to_string(key.algorithm)},
                       {"pin_policy", to_string(key.pin_policy)},
                       {"touch_policy", to_string(key.touch_policy)},
                       {"generated", key.generated},
                       {"public_key", to_pem(key.spki, "PUBLIC KEY")}});
}

Der pem_member(const Json& json, std::string_view name, std::string_view label) {
  return word(json, name, [&](std::string_view text) { return from_pem(text, label); });
}

piv::KeyInfo key_info_from(const Json& json) {
  piv::KeyInfo key;
  key.algorithm = word(json, "algorithm", piv::parse_algorithm);
  key.pin_policy = word(json, "pin_policy", piv::parse_pin_policy);
  key.touch_policy = word(json, "touch_policy", piv::parse_touch_policy);
  key.generated = json.at("generated").boolean();
  key.spki = pem_member(json, "public_key", "PUBLIC KEY");
  return key;
}

std::vector<piv::Weakness> weaknesses_from(const Json& json) {
  std::vector<piv::Weakness> list;
  for (const Json& item : json.items()) list.push_back({item.at("id").text(), item.at("text").text()});
  return list;
}

}  // namespace

std::optional<piv::Firmware> parse_firmware(std::string_view text) noexcept {
  piv::Firmware firmware;
  for (int* const part : {&firmware.major, &firmware.minor, &firmware.patch}) {
    const std::size_t end = part == &firmware.patch ? text.size() : text.find('.');
    if (end == std::string_view::npos) return std::nullopt;
    const auto number = parse_number(text.substr(0, end));
    if (!number || *number > 255) return std::nullopt;
    *part = static_cast<int>(*number);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return firmware;
}

Json to_json(const piv::DeviceInfo& info) {
  Json weak = Json::array();
  for (const auto& [id, text] : info.known_weak) weak.push(Json::object({{"id", id}, {"text", text}}));
  return Json::object({{"reader", info.reader},
                       {"serial", info.serial},
                       {"firmware", to_string(info.firmware)},
                       {"form_factor", info.form_factor},
                       {"fips", info.fips},
                       {"default_pin", or_null(info.default_pin)},
                       {"default_puk", or_null(info.default_puk)},
                       {"default_management_key", or_null(info.default_management_key)},
                       {"pin_tries", to_json(info.pin_tries)},
                       {"puk_tries", to_json(info.puk_tries)},
                       {"management_algorithm", to_string(info.management_algorithm)},
                       {"management_touch", to_string(info.management_touch)},
                       {"management_key_stored", info.management_key_stored},
                       {"management_key_derived", info.management_key_derived},
                       {"puk_blocked_on_purpose", info.puk_blocked_on_purpose},
                       {"known_weak", std::move(weak)}});
}

piv::DeviceInfo device_info_from(const Json& json) {
  piv::DeviceInfo info;
  info.reader = json.at("reader").text();
  info.serial = json.at("serial").text();
  info.firmware = word(json, "firmware", parse_firmware);
  info.form_factor = json.at("form_factor").text();
  info.fips = json.at("fips").boolean();
  info.default_pin = flag_or_null(json, "default_pin");
  info.default_puk = flag_or_null(json, "default_puk");
  info.default_management_key = flag_or_null(json, "default_management_key");
  info.pin_tries = tries_from(json, "pin_tries");
  info.puk_tries = tries_from(json, "puk_tries");
  info.management_algorithm = word(json, "management_algorithm", piv::parse_management_algorithm);
  info.management_touch = word(json, "management_touch", piv::parse_touch_policy);
  info.management_key_stored = json.at("management_key_stored").boolean();
  info.management_key_derived = json.at("management_key_derived").boolean();
  info.puk_blocked_on_purpose = json.at("puk_blocked_on_purpose").boolean();
  info.known_weak = weaknesses_from(json.at("known_weak"));
  return info;
}

Json to_json(const DiscoveredDevice& device) {
  return Json::object({{"serial", device.serial},
                       {"reader", device.reader},
                       {"firmware", device.firmware ? Json(to_string(*device.firmware)) : Json()},
                       {"form_factor", device.form_factor},
                       {"state", state_words[static_cast<std::size_t>(device.state)]},
                       {"touch", device.touch},
                       {"error", device.error.empty() ? Json() : Json(device.error)}});
}

DiscoveredDevice discovered_device_from(const Json& json) {
  DiscoveredDevice device;
  device.serial = json.at("serial").text();
  device.reader = json.at("reader").text();
  if (!json.at("firmware").is_null()) device.firmware = word(json, "firmware", parse_firmware);
  device.form_factor = json.at("form_factor").text();
  device.state = word(json, "state", [](std::string_view text) -> std::optional<DeviceState> {
    const auto* const at = std::find(std::begin(state_words), std::end(state_words), text);
    if (at == std::end(state_words)) return std::nullopt;
    return static_cast<DeviceState>(at - std::begin(state_words));
  });
  device.touch = json.at("touch").boolean();
  device.error = json.text_or("error", "");
  return device;
}

Json to_json(const std::vector<DiscoveredDevice>& devices) {
  Json list = Json::array();
  for (const DiscoveredDevice& device : devices) list.push(to_json(device));
  return Json::object({{"devices", std::move(list)}});
}

std::vector<DiscoveredDevice> discovered_devices_from(const Json& json) {
  std::vector<DiscoveredDevice> devices;
  for (const Json& item : json.at("devices").items()) devices.push_back(discovered_device_from(item));
  return devices;
}

Json to_json(const SlotContent& content) {
  Json json = Json::object({{"slot", to_string(content.slot)}, {"key", content.key ? to_json(*content.key) : Json()}});
  if (!content.key_known) json.set("key_known", false);
  json.set("certificate", content.certificate ? Json(to_pem(*content.certificate, "CERTIFICATE")) : Json());
  return json;
}

SlotContent slot_content_from(const Json& json) {
  SlotContent content;
  content.slot = word(json, "slot", piv::parse_slot);
  content.key_known = json.boolean_or("key_known", true);
  if (const Json& key = json.at("key"); !key.is_null()) content.key = key_info_from(key);
  if (!json.at("certificate").is_null()) content.certificate = pem_member(json, "certificate", "CERTIFICATE");
  return content;
}

Json to_json(const DefaultCredentials& defaults) {
  return Json::object({{"serial", defaults.serial},
                       {"default_pin", or_null(defaults.pin)},
                       {"default_puk", or_null(defaults.puk)},
                       {"default_management_key", or_null(defaults.management_key)}});
}

}  // namespace ymgr::agent
