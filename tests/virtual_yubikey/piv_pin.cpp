// VERIFY, CHANGE REFERENCE, RESET RETRY, SET PIN RETRIES, RESET.
#include <algorithm>

#include "virtual_yubikey/piv.hpp"

namespace virtual_yubikey {
namespace {

constexpr std::size_t padded = 8;
constexpr Byte padding = 0xFF;
constexpr Byte pin_reference = 0x80, puk_reference = 0x81;

/// Without its padding. @throws Refusal 6A80 padding inside
View unpadded(View value) {
  std::size_t size = value.size();
  while (size > 0 && value[size - 1] == padding) --size;
  const View bare = value.first(size);
  require(std::ranges::find(bare, padding) == bare.end(), Status::wrong_data);
  return bare;
}

bool starts_code_point(Byte byte) {
  return (byte & 0xC0) != 0x80;
}

bool trivial(View bare) {
  const std::string text(bare.begin(), bare.end());
  const auto follows = [](char a, char b) { return b != a + 1; };
  const bool same = std::ranges::adjacent_find(text, std::not_equal_to()) == text.end();
  const bool counting = std::ranges::adjacent_find(text, follows) == text.end();
  const std::string_view known[] = {"654321", "abc123", "password", "123123", "7654321", "87654321"};
  return same || counting || std::ranges::find(known, text) != std::ranges::end(known);
}

/// Whether the card takes `value` as a new PIN or PUK.
bool fits(const State& state, Byte reference, View bare) {
  std::size_t length = bare.size();
  if (state.firmware >= move_since) {  // since 5.7 in code points
    if (reference == puk_reference && std::ranges::any_of(bare, [](Byte byte) { return byte > 0x7F; })) return false;
    length = static_cast<std::size_t>(std::ranges::count_if(bare, starts_code_point));
  }
  const std::size_t least = state.fips && state.firmware >= move_since ? 8 : 6;
  return length >= least && !(state.complexity && trivial(bare));
}

Status wrong(unsigned tries) {
  return static_cast<Status>(static_cast<unsigned>(Status::wrong_value) | std::min(tries, 15U));
}

}  // namespace

/// Compares, counts, and fills the counter again. @throws Refusal 63Cx · 6983
void Piv::check(Credential State::*which, View value) {
  require((state().*which).tries > 0, Status::blocked);
  Credential& credential = memory_.change().*which;
  if (!equal(credential.value, value)) {
    --credential.tries;
    if (which == &State::pin) session_.verified = false;
    throw Refusal{wrong(credential.tries)};
  }
  credential.tries = credential.most;
}

/// @throws Refusal 6985 the policy refuses it
void Piv::set(Credential State::*which, View value) {
  require(fits(state(), which == &State::pin ? pin_reference : puk_reference, unpadded(value)), Status::conditions);
  Credential& credential = memory_.change().*which;
  credential.value.assign(value.begin(), value.end());
  credential.tries = credential.most;
}

Bytes Piv::verify(const Command& command) {
  require(command.p2 == pin_reference, Status::no_reference);
  if (command.p1 == 0xFF && command.data.empty()) {
    session_.verified = false;
    return {};
  }
  require(command.p1 == 0, Status::wrong_parameters);
  if (command.data.empty()) {
    if (session_.verified) return {};
    throw Refusal{state().pin.tries == 0 ? Status::blocked : wrong(state().pin.tries)};
  }
  require(command.data.size() == padded, Status::wrong_data);
  check(&State::pin, command.data);
  session_.verified = session_.just_verified = true;
  return {};
}

Bytes Piv::change_reference(const Command& command) {
  require(command.p1 == 0, Status::wrong_parameters);
  require(command.p2 == pin_reference || command.p2 == puk_reference, Status::no_reference);
  require(command.data.size() == 2 * padded, Status::wrong_data);
  const auto which = command.p2 == pin_reference ? &State::pin : &State::puk;
  const View data = command.data;
  check(which, data.first(padded));
  set(which, data.subspan(padded));
  return {};
}

Bytes Piv::unblock(const Command& command) {
  require(command.p1 == 0, Status::wrong_parameters);
  require(command.p2 == pin_reference, Status::no_reference);
  require(command.data.size() == 2 * padded, Status::wrong_data);
  const View data = command.data;
  check(&State::puk, data.first(padded));
  set(&State::pin, data.subspan(padded));
  return {};
}

Bytes Piv::set_retries(const Command& command) {
  need_authenticated();
  require(session_.verified, Status::not_satisfied);
  require(command.data.empty(), Status::wrong_length);
  require(command.p1 > 0 && command.p2 > 0, Status::wrong_parameters);
  State factory{.firmware = state().firmware};
  to_factory(factory);
  State& state = memory_.change();
  state.pin = {factory.pin.value, command.p1, command.p1};
  state.puk = {factory.puk.value, command.p2, command.p2};
  session_.verified = false;
  return {};
}

Bytes Piv::reset(const Command& command) {
  require(command.p1 == 0 && command.p2 == 0, Status::wrong_parameters);
  const bool blocked = state().pin.tries == 0 && state().puk.tries == 0;
  require(blocked && !state().reset_blocked, Status::conditions);
  to_factory(memory_.change());
  session_ = {};
  return {};
}

}  // namespace virtual_yubikey
