#include "virtual_yubikey/piv.hpp"

#include "virtual_yubikey/attestation.hpp"

namespace virtual_yubikey {

const Piv::Instruction Piv::instructions[] = {
    {0x20, {}, &Piv::verify},
    {0x24, {}, &Piv::change_reference},
    {0x2C, {}, &Piv::unblock},
    {0x47, {}, &Piv::generate},
    {0x87, {}, &Piv::general_authenticate},
    {0xCB, {}, &Piv::get_data},
    {0xDB, {}, &Piv::put_data},
    {0xF6, move_since, &Piv::move},
    {0xF7, metadata_since, &Piv::metadata},
    {0xF8, {5, 0, 3}, &Piv::serial},
    {0xF9, {4, 3, 0}, &Piv::attestation},
    {0xFA, {}, &Piv::set_retries},
    {0xFB, {}, &Piv::reset},
    {0xFD, {}, &Piv::version},
    {0xFE, {}, &Piv::import},
    {0xFF, {}, &Piv::set_management_key},
};

Bytes Piv::selected() const {
  return from_hex("61114f0600001000010079074f05a000000308");
}

Bytes Piv::run(const Command& command) {
  was_just_verified_ = std::exchange(session_.just_verified, false);
  for (const Instruction& instruction : instructions) {
    if (instruction.code == command.ins && state().firmware >= instruction.since) {
      return (this->*instruction.method)(command);
    }
  }
  throw Refusal{Status::unknown_instruction};
}

void Piv::need_pin(Byte policy) const {
  if (policy == pin_never) return;
  require(policy == pin_always ? was_just_verified_ : session_.verified, Status::not_satisfied);
}

void Piv::need_touch(Byte policy) {
  if (policy != touch_always && policy != touch_cached) return;
  constexpr auto cached_for = std::chrono::seconds(15);
  const auto now = std::chrono::steady_clock::now();
  if (policy == touch_cached && session_.touched && now - *session_.touched < cached_for) return;
  require(touch_(), Status::not_satisfied);
  session_.touched = std::chrono::steady_clock::now();
}

Bytes Piv::version(const Command& /*command*/) {
  const Version firmware = state().firmware;
  return {firmware.major, firmware.minor, firmware.patch};
}

Bytes Piv::serial(const Command& /*command*/) {
  return number(state().serial, 4);
}

Bytes Piv::attestation(const Command& command) {
  require(is_key_slot(command.p1), Status::wrong_slot);
  require(command.p2 == 0, Status::wrong_parameters);
  return attest(state(), command.p1);
}

}  // namespace virtual_yubikey
