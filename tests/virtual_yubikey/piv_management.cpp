// The management key: authentication with it (87, slot 9B) and SET MANAGEMENT KEY.
#include "virtual_yubikey/block_cipher.hpp"
#include "virtual_yubikey/piv.hpp"

namespace virtual_yubikey {
namespace {

constexpr std::uint32_t witness_tag = 0x80, challenge_tag = 0x81, response_tag = 0x82;

Bytes dynamic(std::uint32_t tag, View value) {
  return tlv(0x7C, tlv(tag, value));
}

}  // namespace

Bytes Piv::general_authenticate(const Command& command) {
  return command.p2 == management_slot ? authenticate_management(command) : use_key(command);
}

Bytes Piv::authenticate_management(const Command& command) {
  const Byte algorithm = state().management_key.algorithm;
  require(command.p1 == algorithm || (command.p1 == 0 && algorithm == tdes), Status::wrong_data);
  const auto elements = parse_tlvs(only_tlv(command.data, 0x7C));
  const auto witnessed = find(elements, witness_tag), challenged = find(elements, challenge_tag),
             answered = find(elements, response_tag);
  if (witnessed && witnessed->empty()) return witness(algorithm);
  if (witnessed && challenged) return prove(*witnessed, *challenged);
  if (challenged && challenged->empty()) return challenge(algorithm);
  if (answered && !answered->empty()) return accept(*answered);
  throw Refusal{Status::wrong_data};
}

/// Mutual authentication, first step: a random block, encrypted.
Bytes Piv::witness(Byte algorithm) {
  session_.challenge.clear();
  session_.witness = random_bytes(block_bytes(algorithm));
  return dynamic(witness_tag, run_block(algorithm, state().management_key.value, session_.witness, Direction::encrypt));
}

/// Second step: the host has decrypted the witness and wants its own challenge encrypted.
Bytes Piv::prove(View answer, View challenge) {
  const ManagementKey& key = state().management_key;
  const Bytes expected = std::exchange(session_.witness, {});
  require(challenge.size() == block_bytes(key.algorithm), Status::wrong_data);
  require(!expected.empty() && equal(answer, expected), Status::not_satisfied);
  need_touch(key.touch_policy);
  session_.authenticated = true;
  return dynamic(response_tag, run_block(key.algorithm, key.value, challenge, Direction::encrypt));
}

/// The host alone is authenticated: a random block, which it is to encrypt.
Bytes Piv::challenge(Byte algorithm) {
  session_.witness.clear();
  session_.challenge = random_bytes(block_bytes(algorithm));
  return dynamic(challenge_tag, session_.challenge);
}

Bytes Piv::accept(View answer) {
  const ManagementKey& key = state().management_key;
  const Bytes challenge = std::exchange(session_.challenge, {});
  require(!challenge.empty(), Status::not_satisfied);
  require(equal(answer, run_block(key.algorithm, key.value, challenge, Direction::encrypt)), Status::not_satisfied);
  need_touch(key.touch_policy);
  session_.authenticated = true;
  return {};
}

Bytes Piv::set_management_key(const Command& command) {
  need_authenticated();
  require(command.p1 == 0xFF && command.p2 >= 0xFD, Status::wrong_parameters);
  const View data = command.data;
  require(data.size() > 3 && data[1] == management_slot, Status::wrong_data);
  const Byte algorithm = data[0];
  require(offers_management(state(), algorithm) && data[2] == management_key_bytes(algorithm) &&
              data.size() == 3U + data[2],
          Status::wrong_data);
  const View value = data.subspan(3);
  memory_.change().management_key = {algorithm, {value.begin(), value.end()}, static_cast<Byte>(0x100 - command.p2)};
  return {};
}

}  // namespace virtual_yubikey
