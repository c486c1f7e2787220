// The management key: authentication, change, and the copy that ykman keeps under the PIN.
#include "agentd/piv/card_state.hpp"
#include "x509/raw_key.hpp"

namespace ymgr::piv {
namespace {

constexpr unsigned dynamic_tag = 0x7C, witness_tag = 0x80, challenge_tag = 0x81, response_tag = 0x82;
constexpr unsigned admin_tag = 0x80, flags_tag = 0x81, salt_tag = 0x82, protected_tag = 0x88, key_tag = 0x89;
constexpr unsigned char stored_flag = 0x02;

BlockCipher cipher_of(ManagementAlgorithm algorithm) noexcept {
  switch (algorithm) {
    case ManagementAlgorithm::tdes: return BlockCipher::tdes;
    case ManagementAlgorithm::aes_128: return BlockCipher::aes_128;
    case ManagementAlgorithm::aes_192: return BlockCipher::aes_192;
    case ManagementAlgorithm::aes_256: break;
  }
  return BlockCipher::aes_256;
}

void check_size(const ManagementKey& key) {
  if (key.bytes.size() == key_size(key.algorithm) && !key.bytes.empty()) return;
  throw Error(Code::usage, "a management key for " + std::string(to_string(key.algorithm)) + " has " +
                               std::to_string(key_size(key.algorithm)) + " bytes");
}

Error wrong_key(const Card::State& state) {
  return Error(Code::wrong_management_key, state.name() + " has another management key");
}

bool says_stored(std::string_view object) {
  const auto flags = find(read_tlvs(only(object, admin_tag)), flags_tag);
  return flags && !flags->empty() && (static_cast<unsigned char>(flags->front()) & stored_flag) != 0;
}

/// The administration data with the flag of a stored key set or cleared; a salt, which says "derived from the PIN", is dropped.
std::string with_flag(std::string_view object, bool stored) {
  std::string inside;
  unsigned char flags = stored ? stored_flag : 0;
  for (const Element& element : object.empty() ? std::vector<Element>() : read_tlvs(only(object, admin_tag))) {
    if (element.tag == flags_tag && !element.value.empty()) {
      flags |= static_cast<unsigned char>(element.value.front() & ~stored_flag);
    } else if (element.tag != salt_tag) {
      inside += tlv(element.tag, element.value);
    }
  }
  return tlv(admin_tag, tlv(flags_tag, std::string(1, static_cast<char>(flags))) + inside);
}

}  // namespace

void Card::authenticate(const ManagementKey& key) {
  check_size(key);
  if (state_->management_algorithm() != key.algorithm) throw wrong_key(*state_);
  state_->connection.reset_at_end();
  const auto algorithm = static_cast<std::uint8_t>(key.algorithm);
  const BlockCipher cipher = cipher_of(key.algorithm);
  const Answer first =
      state_->need({Ins::authenticate, algorithm, management_reference, tlv(dynamic_tag, tlv(witness_tag, {}))});
  const std::string_view witness = only(only(first.data, dynamic_tag), witness_tag);
  if (witness.size() != block_size(cipher))
    throw Error(Code::device_failed, state_->name() + " gives a wrong challenge");
  const std::string challenge = random_bytes(block_size(cipher));
  const std::string proof =
      tlv(dynamic_tag, tlv(witness_tag, decrypt_block(cipher, key.bytes, witness)) + tlv(challenge_tag, challenge));
  const Answer second =
      state_->connection.run_patiently({Ins::authenticate, algorithm, management_reference, proof}, state_->patience);
  if (second.status == not_satisfied && state_->connection.waited()) {
    throw Error(Code::touch_timeout, "nobody touched " + state_->name());
  }
  if (second.status == not_satisfied) throw wrong_key(*state_);
  if (!second.ok()) throw state_->refused(Ins::authenticate, second.status);
  const std::string_view response = only(only(second.data, dynamic_tag), response_tag);
  if (!equal_constant_time(response, encrypt_block(cipher, key.bytes, challenge))) {
    throw Error(Code::device_failed, state_->name() + " does not know its own management key",
                "do not trust this card");
  }
}

void Card::set_management_key(const ManagementKey& key, TouchPolicy touch) {
  check_size(key);
  if (key.algorithm != ManagementAlgorithm::tdes) state_->need_firmware(takes_aes_since, "an AES management key");
  const Secret element = secret_tlv(management_reference, key.bytes);
  Secret data(1 + element.size());
  data.fill()[0] = static_cast<char>(key.algorithm);
  std::copy(element.reveal().begin(), element.reveal().end(), data.fill().begin() + 1);
  const unsigned how = touch == TouchPolicy::always ? 0xFE : touch == TouchPolicy::cached ? 0xFD : 0xFF;
  state_->need({Ins::set_management_key, 0xFF, static_cast<std::uint8_t>(how), data.reveal()});
}

std::optional<ManagementKey> Card::stored_management_key() {
  const auto admin = state_->get_object(admin_object);
  if (!admin || !says_stored(object_value(*admin))) return std::nullopt;
  const auto printed = state_->get_object(printed_object);
  if (!printed) return std::nullopt;
  const auto found = find(read_tlvs(only(object_value(*printed), protected_tag)), key_tag);
  if (!found) return std::nullopt;
  ManagementKey key{state_->management_algorithm(), Secret(*found)};
  if (key.bytes.size() != key_size(key.algorithm)) {
    throw Error(Code::device_failed, state_->name() + " stores a management key that can't be its own");
  }
  return key;
}

void Card::store_management_key(const ManagementKey* key) {
  const auto admin = state_->get_object(admin_object);
  const std::string before = admin ? std::string(object_value(*admin)) : std::string();
  if (key != nullptr) {
    check_size(*key);
    state_->put_object(printed_object, secret_tlv(protected_tag, secret_tlv(key_tag, key->bytes)));
    state_->put_object(admin_object, with_flag(before, true));
  } else if (!before.empty()) {
    // The flag last: while it is set, whoever comes next removes the key. Without it, other things may be printed there.
    if (says_stored(before)) state_->put_object(printed_object, std::string_view());
    state_->put_object(admin_object, with_flag(before, false));
  }
}

}  // namespace ymgr::piv
