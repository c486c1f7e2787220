#include "card/key.hpp"
#include "x509/certificate.hpp"

using namespace ymgr;
using namespace ymgr::piv;

namespace {

constexpr Algorithm every_algorithm[] = {Algorithm::rsa_1024, Algorithm::rsa_2048, Algorithm::rsa_3072,
                                         Algorithm::rsa_4096, Algorithm::ec_p256,  Algorithm::ec_p384,
                                         Algorithm::ed25519,  Algorithm::x25519};

PublicKey make_key(Card& card, Slot slot, Algorithm algorithm = Algorithm::ec_p256) {
  return card.generate(slot, algorithm, PinPolicy::by_slot, TouchPolicy::by_slot);
}

}  // namespace

TEST_CASE("a key of every algorithm is made, attested, and signs its own request") {
  Card card = own_card();
  for (const Algorithm algorithm : every_algorithm) {
    CAPTURE(to_string(algorithm));
    if (!supports(firmware(), algorithm)) {
      const auto error = thrown([&] { make_key(card, Slot::signature, algorithm); });
      REQUIRE(error);
      CHECK(error->code() == Code::device_unsupported);
      CHECK(error->hint().find("ec-p384") != std::string::npos);
      continue;
    }
    const PublicKey key = make_key(card, Slot::signature, algorithm);
    CHECK(parse_certificate(card.attest(Slot::signature).bytes).key.spki == key.spki);
    if (at_least(5, 3)) {
      const KeyInfo info = card.key_info(Slot::signature).value();
      CHECK(info.algorithm == algorithm);
      CHECK(info.spki == key.spki);
      CHECK(info.generated);
      CHECK(info.pin_policy == PinPolicy::always);
      CHECK(info.touch_policy == TouchPolicy::never);
    }
    card.verify_pin(pin());
    if (!key.algorithm) {
      CHECK_CODE(card.sign(Slot::signature, key, "message"), Code::device_unsupported);
      continue;
    }
    const Csr csr =
        parse_csr(card.make_csr(Slot::signature, key, {"alice", {parse_san("email:alice@example.com")}}).bytes);
    CHECK(csr.key.spki == key.spki);
    CHECK(csr.common_name == "alice");
    CHECK(csr.sans.size() == 1);
  }
}

TEST_CASE("policies are those that were asked for") {
  if (!at_least(5, 3)) return;
  Card card = own_card();
  for (const auto policy : {PinPolicy::never, PinPolicy::once, PinPolicy::always}) {
    for (const auto touch : {TouchPolicy::never, TouchPolicy::always, TouchPolicy::cached}) {
      card.generate(Slot::last_retired, Algorithm::ec_p256, policy, touch);
      const KeyInfo info = card.key_info(Slot::last_retired).value();
      CHECK(info.pin_policy == policy);
      CHECK(info.touch_policy == touch);
    }
  }
  CHECK_FALSE(card.key_info(Slot::first_retired));
}

TEST_CASE("a key wants its PIN as its policy says") {
  Card card = own_card();
  const PublicKey never = make_key(card, Slot::card_authentication), once = make_key(card, Slot::authentication),
                  always = make_key(card, Slot::signature);
  CHECK_FALSE(card.sign(Slot::card_authentication, never, "message").empty());
  CHECK_CODE(card.sign(Slot::authentication, once, "message"), Code::pin_required);
  card.verify_pin(pin());
  card.sign(Slot::authentication, once, "message");
  card.sign(Slot::authentication, once, "message");
  CHECK_CODE(card.sign(Slot::signature, always, "message"), Code::pin_required);
  card.verify_pin(pin());
  card.sign(Slot::signature, always, "message");
  CHECK_CODE(card.sign(Slot::signature, always, "message"), Code::pin_required);
}

TEST_CASE("an empty slot has no key, and another key's signature is refused") {
  Card card = own_card();
  const PublicKey key = make_key(card, Slot::card_authentication);
  card.verify_pin(pin());
  CHECK_CODE(card.sign(Slot::authentication, key, "message"), Code::slot_empty);
  CHECK_CODE(card.attest(Slot::authentication), Code::slot_empty);
  make_key(card, Slot::card_authentication);
  CHECK_CODE(card.sign(Slot::card_authentication, key, "message"), Code::device_failed);
}

TEST_CASE("the attestation certificate signs attestations") {
  Card card = own_card();
  make_key(card, Slot::authentication);
  const Certificate leaf = parse_certificate(card.attest(Slot::authentication).bytes),
                    issuer = parse_certificate(card.attestation_certificate().bytes);
  CHECK(leaf.issuer == issuer.subject);
}

TEST_CASE("certificates are written, read and deleted") {
  Card card = own_card();
  CHECK_FALSE(card.read_certificate(Slot::authentication));
  make_key(card, Slot::authentication);
  const Der certificate = card.attest(Slot::authentication), large{std::string(3052, '\x30')};
  for (const char* name : {"9a", "9c", "9d", "9e", "82", "95"}) {
    CAPTURE(name);
    const Slot slot = parse_slot(name).value();
    card.write_certificate(slot, certificate);
    CHECK(card.read_certificate(slot) == certificate);
    card.write_certificate(slot, large);
    CHECK(card.read_certificate(slot) == large);
    card.delete_certificate(slot);
    CHECK_FALSE(card.read_certificate(slot));
    card.delete_certificate(slot);
  }
  CHECK_CODE(card.write_certificate(Slot::signature, {std::string(3053, '\x30')}), Code::device_refused);
  CHECK_CODE(card.write_certificate(Slot::signature, {}), Code::device_refused);
}

TEST_CASE("a full card is told") {
  Card card = own_card();
  const Der large{std::string(3052, '\x30')};
  const auto fill = [&] {
    for (auto slot = static_cast<unsigned>(Slot::first_retired); slot <= static_cast<unsigned>(Slot::last_retired);
         ++slot) {
      card.write_certificate(Slot{static_cast<std::uint8_t>(slot)}, large);
    }
  };
  CHECK_CODE(fill(), Code::device_refused);
}

TEST_CASE("a card that says it kept a certificate and did not is found out") {
  Card card = own_card();
  control("fault stores-nothing ins=db");
  CHECK_CODE(card.write_certificate(Slot::authentication, {"certificate"}), Code::device_failed);
}

TEST_CASE("a deleted key is gone, and before firmware 5.7 overwritten") {
  Card card = own_card();
  if (at_least(5, 3)) CHECK_CODE(card.delete_key(Slot::card_authentication), Code::slot_empty);
  const PublicKey key = make_key(card, Slot::card_authentication);
  card.delete_key(Slot::card_authentication);
  if (at_least(5, 7)) {
    CHECK_FALSE(card.key_info(Slot::card_authentication));
    CHECK_CODE(card.attest(Slot::card_authentication), Code::slot_empty);
  } else {
    CHECK(parse_certificate(card.attest(Slot::card_authentication).bytes).key.spki != key.spki);
  }
}

TEST_CASE("a key moves to an empty slot, from firmware 5.7 on") {
  Card card = own_card();
  const PublicKey key = make_key(card, Slot::authentication);
  if (!at_least(5, 7)) {
    CHECK_CODE(card.move_key(Slot::authentication, Slot::first_retired), Code::device_unsupported);
    return;
  }
  card.move_key(Slot::authentication, Slot::first_retired);
  CHECK_FALSE(card.key_info(Slot::authentication));
  CHECK(card.key_info(Slot::first_retired).value().spki == key.spki);
  CHECK_CODE(card.move_key(Slot::authentication, Slot::signature), Code::slot_empty);
  make_key(card, Slot::authentication);
  CHECK_CODE(card.move_key(Slot::authentication, Slot::first_retired), Code::slot_used);
}
