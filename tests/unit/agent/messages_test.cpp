#include "agent/messages.hpp"

#include "support/thrown.hpp"
#include "x509/key.hpp"

using namespace ymgr;
using namespace ymgr::agent;

namespace {

piv::DeviceInfo some_device() {
  piv::DeviceInfo info;
  info.reader = "Yubico YubiKey CCID 00 00";
  info.serial = "1001";
  info.firmware = {5, 7, 4};
  info.form_factor = "usb-c-nano";
  info.fips = true;
  info.default_pin = true;
  info.default_puk = false;
  info.pin_tries = piv::Tries{2, 5};
  info.puk_tries = piv::Tries{0, std::nullopt};
  info.management_algorithm = piv::ManagementAlgorithm::aes_256;
  info.management_touch = piv::TouchPolicy::cached;
  info.management_key_stored = true;
  info.known_weak = {{"EUCLEAK", "who has this key …"}};
  return info;
}

SlotContent some_slot() {
  SlotContent content;
  content.slot = piv::Slot::signature;
  content.key = piv::KeyInfo{piv::Algorithm::ec_p256, piv::PinPolicy::always, piv::TouchPolicy::never, true,
                             PrivateKey::generate(KeyAlgorithm::ec_p256).public_key().spki};
  content.certificate = Der{"not looked at"};
  return content;
}

/// What reading and writing again makes of a text.
template <class Read>
std::string again(Read read, const Json& json) {
  return dump_json(to_json(read(parse_json(dump_json(json)))));
}

}  // namespace

TEST_CASE("what the agent tells about a key arrives as it was") {
  const Json json = to_json(some_device());
  CHECK(again(device_info_from, json) == dump_json(json));
  const piv::DeviceInfo read = device_info_from(json);
  CHECK(read.firmware == piv::Firmware{5, 7, 4});
  CHECK(read.default_puk == std::optional(false));
  CHECK_FALSE(read.default_management_key);
  CHECK(read.pin_tries->max == std::optional(5));
  CHECK(read.management_touch == piv::TouchPolicy::cached);
}

TEST_CASE("discovered keys and slots arrive as they were") {
  const DiscoveredDevice ready{"1001", "reader", piv::Firmware{4, 3, 5}, "", DeviceState::busy, true, ""};
  const DiscoveredDevice broken{"", "reader", std::nullopt, "", DeviceState::failed, false, "no PIV application"};
  const Json devices = to_json(std::vector{ready, broken});
  CHECK(again(discovered_devices_from, devices) == dump_json(devices));
  CHECK(discovered_devices_from(devices)[1].state == DeviceState::failed);
  SlotContent old;
  old.slot = piv::Slot::last_retired;
  old.key_known = false;
  for (const SlotContent& content : {some_slot(), old}) {
    const Json json = to_json(content);
    CHECK(again(slot_content_from, json) == dump_json(json));
  }
  CHECK(slot_content_from(to_json(some_slot())).certificate == Der{"not looked at"});
}

TEST_CASE("an answer with a member missing, or of another type, is refused") {
  const auto spoilt = [](const Json& good, auto read) {
    for (const auto& [name, value] : good.members()) {
      CAPTURE(name);
      Json other = good, less = good;
      other.set(name, 0.5);
      CHECK_CODE(read(other), Code::json_invalid);
      less.erase(name);
      if (name != "error" && name != "key_known") CHECK_CODE(read(less), Code::json_invalid);
    }
  };
  spoilt(to_json(some_device()), device_info_from);
  spoilt(to_json(DiscoveredDevice{"1", "r", piv::Firmware{5, 0, 0}, "", DeviceState::ready, false, "x"}),
         discovered_device_from);
  spoilt(to_json(some_slot()), slot_content_from);
  spoilt(to_json(some_slot()).at("key"), [&](const Json& key) {
    Json slot = to_json(some_slot());
    return slot_content_from(slot.set("key", key));
  });
}

TEST_CASE("words and numbers that no agent says are refused") {
  struct Row {
    const char* name;
    Json value;
  };
  const Row rows[] = {{"firmware", "5.7"},
                      {"management_algorithm", "des"},
                      {"management_touch", "sometimes"},
                      {"pin_tries", Json::object({{"left", 256}, {"max", nullptr}})},
                      {"pin_tries", Json::object({{"left", -1}, {"max", nullptr}})}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK_CODE(device_info_from(to_json(some_device()).set(row.name, row.value)), Code::json_invalid);
  }
  for (const char* slot : {"f9", "9b", "9A", ""}) {
    CAPTURE(slot);
    CHECK_CODE(slot_content_from(to_json(some_slot()).set("slot", slot)), Code::json_invalid);
  }
  CHECK_CODE(slot_content_from(to_json(some_slot()).set("certificate", "no PEM")), Code::json_invalid);
}

TEST_CASE("parse_firmware reads three numbers and refuses everything else") {
  CHECK(parse_firmware("5.7.4") == piv::Firmware{5, 7, 4});
  CHECK(parse_firmware("0.0.255") == piv::Firmware{0, 0, 255});
  for (const char* bad : {"", "5", "5.7", "5.7.", "5.7.4.1", "5..4", "a.b.c", "5.7.256", "-1.0.0", " 5.7.4"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_firmware(bad));
  }
}
