// Keys and certificates of slots.
#include "agentd/asked.hpp"
#include "agentd/piv_endpoints.hpp"
#include "x509/certificate.hpp"

namespace ymgr::agentd {
namespace {

using piv::Card;
using piv::Slot;

/// Of a key that was made on the card; nullopt: none such.
std::optional<Der> attestation_of(Card& card, Slot slot) {
  if (card.firmware() < piv::attests_since) return std::nullopt;
  try {
    return card.attest(slot);
  } catch (const Error& error) {
    if (error.code() != Code::slot_empty) throw;
    return std::nullopt;
  }
}

/// The key that is proven to be in the slot: by metadata, or before firmware 5.3 by its attestation; nullopt: none, or nobody can tell.
std::optional<PublicKey> proven_key(Card& card, Slot slot) {
  if (card.firmware() >= piv::metadata_since) {
    const auto told = card.key_info(slot);
    return told ? std::optional(parse_public_key(told->spki)) : std::nullopt;
  }
  const auto attestation = attestation_of(card, slot);
  return attestation ? std::optional(parse_certificate(attestation->bytes).key) : std::nullopt;
}

std::string name_of(const Card& card, Slot slot) {
  return "slot " + to_string(slot) + " of the YubiKey " + card.serial();
}

Error slot_empty(const Card& card, Slot slot) {
  return Error(Code::slot_empty, name_of(card, slot) + " holds no key");
}

PublicKey existing_key(Card& card, Slot slot) {
  if (auto key = proven_key(card, slot)) return std::move(*key);
  if (card.firmware() < piv::metadata_since) {
    if (const auto certificate = card.read_certificate(slot)) return parse_certificate(certificate->bytes).key;
  }
  throw slot_empty(card, slot);
}

void need_free(Card& card, Slot slot) {
  if (!proven_key(card, slot) && !card.read_certificate(slot)) return;
  throw Error(Code::slot_used, name_of(card, slot) + " holds a key or a certificate");
}

struct Policies {
  piv::PinPolicy pin = piv::PinPolicy::by_slot;
  piv::TouchPolicy touch = piv::TouchPolicy::by_slot;
};

/// As the card has them, or before firmware 5.3 what was asked for, with the defaults of the slot (facts of SP 800-73-4 and Yubico).
Policies resolve(Card& card, Slot slot, Policies asked) {
  if (card.firmware() >= piv::metadata_since) {
    if (const auto told = card.key_info(slot)) return {told->pin_policy, told->touch_policy};
  }
  if (asked.pin == piv::PinPolicy::by_slot) {
    asked.pin = slot == Slot::signature             ? piv::PinPolicy::always
                : slot == Slot::card_authentication ? piv::PinPolicy::never
                                                    : piv::PinPolicy::once;
  }
  if (asked.touch == piv::TouchPolicy::by_slot) asked.touch = piv::TouchPolicy::never;
  return asked;
}

struct KeyRequest {
  Slot slot{};
  bool make = false, overwrite = false;
  piv::Algorithm algorithm{};
  Policies policies;
  RequestedNames names;
};

std::optional<bool> parse_source(std::string_view text) {
  if (text == "new") return true;
  if (text == "existing") return false;
  return std::nullopt;
}

KeyRequest key_request(const Asked& asked) {
  KeyRequest request;
  request.slot = asked.slot();
  request.make = asked.word<bool>("key", parse_source);
  request.overwrite = asked.body().boolean_or("overwrite", false);
  request.names.common_name = asked.body().text_or("common_name", "");
  for (const std::string& san : asked.body().texts_or_empty("sans")) request.names.sans.push_back(parse_san(san));
  asked.management_algorithm("management_algorithm");
  if (!request.make) return request;
  request.algorithm = asked.word<piv::Algorithm>("algorithm", piv::parse_algorithm);
  if (request.algorithm == piv::Algorithm::x25519) {
    throw Error(Code::request_invalid, "an X25519 key can't sign a request");
  }
  request.policies.pin = asked.word<piv::PinPolicy>("pin_policy", piv::parse_pin_policy, piv::PinPolicy::by_slot);
  request.policies.touch =
      asked.word<piv::TouchPolicy>("touch_policy", piv::parse_touch_policy, piv::TouchPolicy::by_slot);
  asked.need_opener("management_key");
  return request;
}

void verify_given_pin(Card& card, const Asked& asked) {
  if (const Secret* pin = asked.secret("pin")) card.verify_pin(*pin);
}

PublicKey make_key(Card& card, const Asked& asked, const KeyRequest& request) {
  if (!request.overwrite) need_free(card, request.slot);
  asked.open(card, "management_key", "management_algorithm");
  verify_given_pin(card, asked);  // a wrong one must not cost the key that is there
  return card.generate(request.slot, request.algorithm, request.policies.pin, request.policies.touch);
}

Json pem_or_null(const std::optional<Der>& der) {
  return der ? Json(to_pem(*der, "CERTIFICATE")) : Json();
}

Json generate_csr_on(Card& card, const Asked& asked, const KeyRequest& request) {
  const PublicKey key = request.make ? make_key(card, asked, request) : existing_key(card, request.slot);
  const auto attestation = attestation_of(card, request.slot);
  const auto intermediate = attestation ? std::optional(card.attestation_certificate()) : std::nullopt;
  const Policies policies = resolve(card, request.slot, request.policies);
  verify_given_pin(card, asked);  // directly before the signature
  const Der csr = card.make_csr(request.slot, key, request.names);
  return success()
      .set("csr", to_pem(csr, "CERTIFICATE REQUEST"))
      .set("public_key", to_pem(key.spki, "PUBLIC KEY"))
      .set("attestation", pem_or_null(attestation))
      .set("attestation_certificate", pem_or_null(intermediate))
      .set("pin_policy", to_string(policies.pin))
      .set("touch_policy", to_string(policies.touch));
}

/// A signature by the slot's key that `key` verifies.
void test_signature(Card& card, const Asked& asked, Slot slot, const PublicKey& key) {
  verify_given_pin(card, asked);
  card.sign(slot, key, random_bytes(32));
}

/// @return how the certificate was shown to belong to the key: "signature" or "public-key"
/// @throws Error pair-mismatch, slot-empty
const char* check_pair(Card& card, const Asked& asked, Slot slot, const Certificate& certificate) {
  const auto proven = proven_key(card, slot);
  if (proven && !is_pair(certificate, *proven)) {
    throw Error(Code::pair_mismatch, "the certificate is not for the key in " + name_of(card, slot));
  }
  const bool tells = card.firmware() >= piv::metadata_since;
  if (tells && !proven) throw slot_empty(card, slot);
  const bool free_to_use = tells && resolve(card, slot, {}).pin == piv::PinPolicy::never;
  const bool can_sign =
      certificate.key.algorithm.has_value() && (asked.secret("pin") != nullptr || free_to_use || !proven);
  if (!can_sign) return "public-key";
  test_signature(card, asked, slot, certificate.key);
  return "signature";
}

Json import_on(Card& card, const Asked& asked, Slot slot, const Certificate& certificate) {
  const auto before = card.read_certificate(slot);
  if (!asked.body().boolean_or("overwrite", true) && before && *before != certificate.der) {
    throw Error(Code::slot_used, name_of(card, slot) + " holds another certificate");
  }
  const char* checked = check_pair(card, asked, slot, certificate);
  card.authenticate(asked.management_key(card, "management_key", "management_algorithm"));
  card.write_certificate(slot, certificate.der);
  return success().set("checked", checked);
}

enum class Fate { keep, destroy };

std::optional<Fate> parse_fate(std::string_view text) {
  if (text == "keep") return Fate::keep;
  if (text == "destroy") return Fate::destroy;
  return std::nullopt;
}

}  // namespace

void generate_csr(const Call& call) {
  const auto asked = read_asked(call, {.plain = {"slot", "key", "algorithm", "pin_policy", "touch_policy", "overwrite",
                                                 "common_name", "sans", "management_algorithm", "protected"},
                                       .optional_sealed = {"management_key", "pin"}});
  on_card(call, asked, [request = key_request(*asked)](Card& card, const Asked& given) {
    return generate_csr_on(card, given, request);
  });
}

void import_certificate(const Call& call) {
  const auto asked = read_asked(call, {.plain = {"slot", "certificate", "overwrite", "management_algorithm"},
                                       .sealed = {"management_key"},
                                       .optional_sealed = {"pin"}});
  asked->management_algorithm("management_algorithm");
  on_card(call, asked,
          [slot = asked->slot(), certificate = parse_certificate(asked->body().at("certificate").text())](
              Card& card, const Asked& given) { return import_on(card, given, slot, certificate); });
}

void delete_certificate(const Call& call) {
  const auto asked = read_asked(call, {.plain = {"slot", "key", "management_algorithm", "protected"},
                                       .optional_sealed = {"management_key", "pin"}});
  asked->need_opener("management_key");
  asked->management_algorithm("management_algorithm");
  const Fate fate = asked->word<Fate>("key", parse_fate, Fate::keep);
  on_card(call, asked, [slot = asked->slot(), fate](Card& card, const Asked& given) {
    given.open(card, "management_key", "management_algorithm");
    const bool may_hold_key = card.firmware() < piv::metadata_since || card.key_info(slot).has_value();
    if (fate == Fate::destroy && may_hold_key) card.delete_key(slot);
    card.delete_certificate(slot);
    return success();
  });
}

}  // namespace ymgr::agentd
