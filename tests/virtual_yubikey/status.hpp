#pragma once
#include <cstdint>

namespace virtual_yubikey {

/// Status words of ISO 7816-4 as a YubiKey uses them.
enum class Status : std::uint16_t {
  ok = 0x9000,
  more = 0x6100,         // the low byte: how much is left
  wrong_value = 0x63C0,  // the low nibble: tries left
  wrong_length = 0x6700,
  not_satisfied = 0x6982,  // not verified, not authenticated, not touched
  blocked = 0x6983,
  conditions = 0x6985,  // reset while a PIN works; a new PIN that the policy refuses
  wrong_data = 0x6A80,
  not_found = 0x6A82,
  full = 0x6A84,
  wrong_parameters = 0x6A86,
  no_reference = 0x6A88,  // no such key or PIN
  wrong_slot = 0x6B00,
  unknown_instruction = 0x6D00,
  unknown_class = 0x6E00,
  failure = 0x6F00,
};

/// Thrown by whoever refuses a command; caught where the answer is put together.
struct Refusal {
  Status status;
};

inline void require(bool condition, Status otherwise) {
  if (!condition) throw Refusal{otherwise};
}

}  // namespace virtual_yubikey
