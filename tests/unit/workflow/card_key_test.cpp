#include <doctest/doctest.h>

#include "support/thrown.hpp"
#include "workflow/card_key.hpp"
#include "workflow/issue.hpp"

using namespace ymgr;

TEST_CASE("the reference of a key on a card is read as it is written, and nothing else") {
  struct Row {
    const char* text;
    const char* want;  // serial and slot; empty: none
  };
  const Row rows[] = {{"yubikey:12345678:9a", "12345678 9a"},
                      {"yubikey:1:95", "1 95"},
                      {"yubikey:1:9b", ""},
                      {"yubikey:1:f9", ""},
                      {"yubikey:1:", ""},
                      {"yubikey:1", ""},
                      {"yubikey::9a", ""},
                      {"yubikey:one:9a", ""},
                      {"yubikey:1:9a:9c", ""},
                      {"sealed:yubikey:1:9a", ""},
                      {"file:/yubikey:1:9a", ""},
                      {"", ""}};
  for (const auto& row : rows) {
    CAPTURE(row.text);
    const auto place = parse_card_reference(row.text);
    CHECK((place ? place->serial + " " + piv::to_string(place->slot) : "") == row.want);
    if (place) CHECK(CardKey{*place, {}, {}, {}, {}}.reference() == row.text);
  }
}

TEST_CASE("a key on a card comes out of the journal as it went in") {
  CardKey key;
  key.place = {"12345678", piv::Slot::last_retired, piv::PinPolicy::always, piv::TouchPolicy::cached, true};
  key.before = {"aa", "bb"};
  key.displaced = {"cert-1", "cert-2"};
  key.attestation = "-----BEGIN";
  key.checked = "signature";
  const auto back = CardKey::from(parse_json(dump_json(key.journal())));
  CHECK(back.place.serial == key.place.serial);
  CHECK(back.place.slot == key.place.slot);
  CHECK(back.place.pin_policy == key.place.pin_policy);
  CHECK(back.place.touch_policy == key.place.touch_policy);
  CHECK(back.place.overwrite);
  CHECK(back.before.key == key.before.key);
  CHECK(back.before.certificate == key.before.certificate);
  CHECK(back.displaced == key.displaced);
  CHECK(back.attestation == key.attestation);
  CHECK(back.checked == key.checked);
}

TEST_CASE("a PIN is needed where the key's policy wants one") {
  struct Row {
    piv::Slot slot;
    piv::PinPolicy policy;
    bool want;
  };
  using enum piv::PinPolicy;
  const Row rows[] = {
      {piv::Slot::authentication, by_slot, true},          {piv::Slot::signature, by_slot, true},
      {piv::Slot::first_retired, by_slot, true},           {piv::Slot::card_authentication, by_slot, false},
      {piv::Slot::card_authentication, once, true},        {piv::Slot::authentication, never, false},
      {piv::Slot::signature, piv::PinPolicy::always, true}};
  for (const auto& row : rows) {
    CardPlace place;
    place.slot = row.slot;
    place.pin_policy = row.policy;
    CAPTURE(piv::to_string(row.slot));
    CHECK(needs_pin(place) == row.want);
  }
}

TEST_CASE("slots that have one use have a profile of their own") {
  CHECK(default_profile_of(piv::Slot::authentication) == "piv-auth");
  CHECK(default_profile_of(piv::Slot::signature) == "code-signing");
  CHECK(default_profile_of(piv::Slot::card_authentication) == "card-auth");
  CHECK_CODE(default_profile_of(piv::Slot::key_management), Code::usage);
  CHECK_CODE(default_profile_of(piv::Slot::first_retired), Code::usage);
}

TEST_CASE("a key that the firmware can't make is refused with one that it can") {
  const auto policy = Policy::parse(default_policy("internal"), "policy.yaml");
  struct Row {
    const char* firmware;
    KeyAlgorithm algorithm;
    const char* profile;
    const char* hint;  // empty: it can
  };
  const Row rows[] = {
      {"5.7.4", KeyAlgorithm::rsa_4096, "piv-auth", ""},
      {"5.7.0", KeyAlgorithm::ed25519, "piv-auth", ""},
      {"5.4.3", KeyAlgorithm::rsa_3072, "piv-auth", "--key ec-p384, or --key ec-p256"},
      {"5.4.3", KeyAlgorithm::ed25519, "piv-auth", "--key ec-p384, or --key ec-p256"},
      {"4.3.5", KeyAlgorithm::rsa_4096, "code-signing", "--key ec-p384, or --key ec-p256"},
      {"4.3.5", KeyAlgorithm::ec_p384, "piv-auth", ""},
  };
  for (const auto& row : rows) {
    CAPTURE(row.firmware);
    DeviceRow device;
    device.serial = "1001";
    device.firmware = row.firmware;
    const auto error = thrown([&] { require_algorithm(device, row.algorithm, policy.profile(row.profile)); });
    CHECK((error ? error->hint() : "") == row.hint);
    if (error) CHECK(error->code() == Code::device_unsupported);
  }
}
