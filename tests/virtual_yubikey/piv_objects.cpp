// GET DATA, PUT DATA.
#include <algorithm>

#include "virtual_yubikey/piv.hpp"

namespace virtual_yubikey {
namespace {

constexpr std::uint32_t discovery = 0x7E, biometric_templates = 0x7F61;
constexpr std::size_t most_stored = 51200;  // bytes, all objects together

/// The object named by a 5C element. @throws Refusal 6A80
std::uint32_t object_id(View name) {
  require(!name.empty() && name.size() <= 3, Status::wrong_data);
  std::uint32_t id = 0;
  for (const Byte byte : name) id = id << 8 | byte;
  require(id == discovery || id == biometric_templates || id >> 16 == 0x5F, Status::wrong_data);
  return id;
}

/// Printed information, fingerprints, face, iris.
bool needs_pin(std::uint32_t id) {
  return id == 0x5FC109 || id == 0x5FC103 || id == 0x5FC108 || id == 0x5FC121;
}

void need_address(const Command& command) {
  require(command.p1 == 0x3F && command.p2 == 0xFF, Status::wrong_parameters);
}

std::size_t stored_without(const State& state, std::uint32_t id) {
  std::size_t sum = 0;
  for (const auto& [other, data] : state.objects) sum += other == id ? 0 : data.size();
  return sum;
}

}  // namespace

Bytes Piv::get_data(const Command& command) {
  need_address(command);
  const auto id = object_id(only_tlv(command.data, 0x5C));
  if (id == discovery) return from_hex("7e124f0ba0000003080000100001005f2f024000");
  require(!needs_pin(id) || session_.verified, Status::not_satisfied);
  const auto found = state().objects.find(id);
  require(found != state().objects.end(), Status::not_found);
  return tlv(0x53, found->second);
}

Bytes Piv::put_data(const Command& command) {
  need_authenticated();
  need_address(command);
  const auto elements = parse_tlvs(command.data);
  require(elements.size() == 2 && elements[0].tag == 0x5C && elements[1].tag == 0x53, Status::wrong_data);
  const auto id = object_id(elements[0].value);
  require(id != discovery, Status::wrong_data);
  const View data = elements[1].value;
  if (data.empty()) {
    memory_.change().objects.erase(id);
    return {};
  }
  require(stored_without(state(), id) + data.size() <= most_stored, Status::full);
  memory_.change().objects[id].assign(data.begin(), data.end());
  return {};
}

}  // namespace virtual_yubikey
