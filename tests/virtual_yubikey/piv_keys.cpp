// GENERATE, IMPORT, MOVE, METADATA.
#include "virtual_yubikey/piv.hpp"

namespace virtual_yubikey {
namespace {

constexpr Byte deleted = 0xFF;

bool holds_keys(Byte slot) {
  return is_key_slot(slot) || slot == attestation_slot;
}

/// The one byte of a policy; `policy_default` when it is not given. @throws Refusal 6A80
Byte policy(const std::vector<Tlv>& elements, std::uint32_t tag) {
  const auto value = find(elements, tag);
  if (!value) return policy_default;
  require(value->size() == 1 && value->front() <= 3, Status::wrong_data);
  return value->front();
}

}  // namespace

/// A key of `algorithm` without its private part, the policies those of `elements` or the slot's own.
Key Piv::policies(Byte slot, Byte algorithm, const std::vector<Tlv>& elements) const {
  require(offers(state(), algorithm), Status::wrong_data);
  const bool strict = state().fips && state().firmware >= Version{5, 7, 1};
  Key key{.algorithm = algorithm, .pin_policy = policy(elements, 0xAA), .touch_policy = policy(elements, 0xAB)};
  require(!strict || key.pin_policy != pin_never, Status::wrong_data);
  if (key.pin_policy == policy_default) {
    key.pin_policy = slot == signature_slot ? pin_always : slot == card_slot && !strict ? pin_never : pin_once;
  }
  if (key.touch_policy == policy_default) key.touch_policy = touch_never;
  return key;
}

Bytes Piv::generate(const Command& command) {
  need_authenticated();
  require(command.p1 == 0, Status::wrong_parameters);
  require(holds_keys(command.p2), Status::wrong_slot);
  const auto elements = parse_tlvs(only_tlv(command.data, 0xAC));
  const auto algorithm = find(elements, 0x80);
  require(algorithm && algorithm->size() == 1, Status::wrong_data);
  Key key = policies(command.p2, algorithm->front(), elements);
  key.private_key = make_key_(key.algorithm);
  Bytes answer = tlv(0x7F49, public_key_template(key.private_key));
  memory_.change().keys[command.p2] = std::move(key);
  return answer;
}

Bytes Piv::import(const Command& command) {
  need_authenticated();
  require(holds_keys(command.p2), Status::wrong_slot);
  const auto elements = parse_tlvs(command.data);
  Key key = policies(command.p2, command.p1, elements);
  key.origin = Origin::imported;
  key.private_key = import_key(key.algorithm, elements);
  memory_.change().keys[command.p2] = std::move(key);
  return {};
}

Bytes Piv::move(const Command& command) {
  need_authenticated();
  const Byte to = command.p1, from = command.p2;
  require(to == deleted ? holds_keys(from) : is_key_slot(from) && is_key_slot(to), Status::wrong_slot);
  require(state().keys.contains(from), Status::no_reference);
  require(!state().keys.contains(to), Status::wrong_data);
  auto key = memory_.change().keys.extract(from);
  if (to == deleted) return {};
  key.key() = to;
  memory_.change().keys.insert(std::move(key));
  return {};
}

Bytes Piv::credential_metadata(const Credential& credential, std::string_view factory) const {
  const auto counter = [](unsigned value) { return static_cast<Byte>(value); };
  const bool unchanged = equal(credential.value, Bytes(factory.begin(), factory.end()));
  Bytes answer = tlv(0x01, Bytes{0xFF});
  append(answer, tlv(0x05, Bytes{static_cast<Byte>(unchanged)}));
  append(answer, tlv(0x06, Bytes{counter(credential.most), counter(credential.tries)}));
  return answer;
}

Bytes Piv::metadata(const Command& command) {
  require(command.p1 == 0, Status::wrong_parameters);
  if (command.p2 == 0x80) return credential_metadata(state().pin, "123456\xFF\xFF");
  if (command.p2 == 0x81) return credential_metadata(state().puk, "12345678");
  if (command.p2 == management_slot) {
    const ManagementKey& key = state().management_key;
    const bool unchanged =
        key.value == default_management_key() && key.algorithm == default_management_algorithm(state().firmware);
    Bytes answer = tlv(0x01, Bytes{key.algorithm});
    append(answer, tlv(0x02, Bytes{0, key.touch_policy}));
    append(answer, tlv(0x05, Bytes{static_cast<Byte>(unchanged)}));
    return answer;
  }
  const auto found = state().keys.find(command.p2);
  require(found != state().keys.end(), Status::no_reference);
  const Key& key = found->second;
  Bytes answer = tlv(0x01, Bytes{key.algorithm});
  append(answer, tlv(0x02, Bytes{key.pin_policy, key.touch_policy}));
  append(answer, tlv(0x03, Bytes{static_cast<Byte>(key.origin)}));
  append(answer, tlv(0x04, public_key_template(key.private_key)));
  return answer;
}

}  // namespace virtual_yubikey
