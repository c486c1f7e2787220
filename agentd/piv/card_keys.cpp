// GENERATE, GET METADATA of keys, ATTEST, MOVE and DELETE.
#include "agentd/piv/card_state.hpp"
#include "agentd/piv/public_key.hpp"

namespace ymgr::piv {
namespace {

constexpr std::uint8_t nowhere = 0xFF;

std::string byte_of(std::uint8_t value) {
  return {static_cast<char>(value)};
}

Error no_key(const Card::State& state, Slot slot) {
  return Error(Code::slot_empty, "there is no key in slot " + to_string(slot) + " of " + state.name());
}

Command key_command(Ins ins, std::uint8_t p1, Slot slot, std::string_view data = {}) {
  return {ins, p1, static_cast<std::uint8_t>(slot), data};
}

}  // namespace

std::optional<KeyInfo> Card::key_info(Slot slot) {
  state_->need_firmware(metadata_since, "telling what key is in a slot");
  Answer holder;
  const auto elements = state_->metadata(static_cast<std::uint8_t>(slot), holder);
  if (!elements) return std::nullopt;
  const std::string_view algorithm = piv::need(*elements, 0x01), policies = piv::need(*elements, 0x02),
                         origin = piv::need(*elements, 0x03);
  if (algorithm.size() != 1 || policies.size() != 2 || origin.size() != 1) {
    throw Error(Code::device_failed, state_->name() + " tells nonsense about slot " + to_string(slot));
  }
  KeyInfo info;
  info.algorithm = Algorithm{static_cast<std::uint8_t>(algorithm[0])};
  info.pin_policy = PinPolicy{static_cast<std::uint8_t>(policies[0])};
  info.touch_policy = TouchPolicy{static_cast<std::uint8_t>(policies[1])};
  info.generated = origin[0] == 1;
  info.spki = read_public_key(info.algorithm, piv::need(*elements, 0x04)).spki;
  return info;
}

PublicKey Card::generate(Slot slot, Algorithm algorithm, PinPolicy pin, TouchPolicy touch) {
  if (!supports(state_->firmware, algorithm)) {
    const bool rsa = to_string(algorithm).starts_with("rsa");
    throw Error(Code::device_unsupported,
                state_->name() + " has firmware " + to_string(state_->firmware) + ", which can't make " +
                    std::string(to_string(algorithm)) + " keys" +
                    (weaknesses(state_->firmware).size() == 2 && rsa ? " safely (ROCA)" : ""),
                "take EC P-384 (--key ec-p384)");
  }
  std::string request = tlv(0x80, byte_of(static_cast<std::uint8_t>(algorithm)));
  if (pin != PinPolicy::by_slot) request += tlv(0xAA, byte_of(static_cast<std::uint8_t>(pin)));
  if (touch != TouchPolicy::by_slot) request += tlv(0xAB, byte_of(static_cast<std::uint8_t>(touch)));
  const Answer answer = state_->need(key_command(Ins::generate, 0, slot, tlv(0xAC, request)));
  return read_public_key(algorithm, only(answer.data, 0x7F49));
}

Der Card::attest(Slot slot) {
  state_->need_firmware(attests_since, "attestation");
  Answer answer = state_->send({Ins::attest, static_cast<std::uint8_t>(slot)});
  if (answer.status == no_reference || answer.status == wrong_data || answer.status == not_found) {
    throw Error(Code::slot_empty,
                "slot " + to_string(slot) + " of " + state_->name() + " has no key that was made on the card");
  }
  if (!answer.ok()) throw state_->refused(Ins::attest, answer.status);
  return {answer.data};
}

void Card::delete_key(Slot slot) {
  if (state_->firmware < moves_since) {
    if (state_->firmware >= metadata_since && !key_info(slot)) throw no_key(*state_, slot);
    generate(slot, Algorithm::ec_p256, PinPolicy::always, TouchPolicy::always);
    return;
  }
  const Answer answer = state_->send(key_command(Ins::move_key, nowhere, slot));
  if (answer.status == no_reference) throw no_key(*state_, slot);
  if (!answer.ok()) throw state_->refused(Ins::move_key, answer.status);
}

void Card::move_key(Slot from, Slot to) {
  state_->need_firmware(moves_since, "moving a key");
  if (!key_info(from)) throw no_key(*state_, from);
  if (key_info(to)) {
    throw Error(Code::slot_used, "there is a key in slot " + to_string(to) + " of " + state_->name(),
                "delete it first, or choose another slot");
  }
  state_->need(key_command(Ins::move_key, static_cast<std::uint8_t>(to), from));
}

}  // namespace ymgr::piv
