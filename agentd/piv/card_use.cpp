// GENERAL AUTHENTICATE with the key of a slot: signatures.
#include "agentd/piv/card_state.hpp"
#include "x509/raw_key.hpp"

namespace ymgr::piv {
namespace {

constexpr unsigned dynamic_tag = 0x7C, challenge_tag = 0x81, response_tag = 0x82;

Algorithm algorithm_of(KeyAlgorithm algorithm) noexcept {
  switch (algorithm) {
    case KeyAlgorithm::rsa_2048: return Algorithm::rsa_2048;
    case KeyAlgorithm::rsa_3072: return Algorithm::rsa_3072;
    case KeyAlgorithm::rsa_4096: return Algorithm::rsa_4096;
    case KeyAlgorithm::ec_p256: return Algorithm::ec_p256;
    case KeyAlgorithm::ec_p384: return Algorithm::ec_p384;
    case KeyAlgorithm::ed25519: break;
  }
  return Algorithm::ed25519;
}

}  // namespace

/// 6982 means no PIN, or no finger.
Error Card::State::not_used(Slot slot) {
  bool finger = connection.waited();
  if (!finger && firmware >= metadata_since) {
    const bool verified = pin_verified();
    Answer holder;
    const auto elements = metadata(static_cast<std::uint8_t>(slot), holder);
    const auto policies = elements ? find(*elements, 0x02) : std::nullopt;
    const bool told = policies && policies->size() == 2;
    const bool needs_no_pin =
        verified || (told && PinPolicy{static_cast<std::uint8_t>((*policies)[0])} == PinPolicy::never);
    finger = told && needs_no_pin && TouchPolicy{static_cast<std::uint8_t>((*policies)[1])} != TouchPolicy::never;
  }
  const std::string what = "the key in slot " + to_string(slot) + " of " + name();
  if (finger) return Error(Code::touch_timeout, what + " was not touched in time");
  return Error(Code::pin_required, what + " wants the PIN first");
}

std::string Card::sign(Slot slot, const PublicKey& key, std::string_view message) {
  if (!key.algorithm)
    throw Error(Code::device_unsupported,
                "a key of " + key.family + " with " + std::to_string(key.bits) + " bits is not signed with");
  const std::string data = tlv(dynamic_tag, tlv(response_tag, {}) + tlv(challenge_tag, signing_input(key, message)));
  const Answer answer =
      state_->connection.run_patiently({Ins::authenticate, static_cast<std::uint8_t>(algorithm_of(*key.algorithm)),
                                        static_cast<std::uint8_t>(slot), data},
                                       state_->patience);
  if (answer.status == not_satisfied) throw state_->not_used(slot);
  if (answer.status == wrong_data || answer.status == wrong_parameters || answer.status == no_reference) {
    throw Error(Code::slot_empty, "there is no such key in slot " + to_string(slot) + " of " + state_->name());
  }
  if (!answer.ok()) throw state_->refused(Ins::authenticate, answer.status);
  std::string signature(only(only(answer.data, dynamic_tag), response_tag));
  if (verify_signature(key, message, signature)) return signature;
  throw Error(Code::device_failed,
              state_->name() + " signs with another key than the one in slot " + to_string(slot) + " should be");
}

Der Card::make_csr(Slot slot, const PublicKey& key, const RequestedNames& names) {
  return ymgr::make_csr(key, names, [&](std::string_view message) { return sign(slot, key, message); });
}

}  // namespace ymgr::piv
