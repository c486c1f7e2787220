#include "card/key.hpp"

using namespace ymgr;
using namespace ymgr::piv;

namespace {

ManagementKey key_of(ManagementAlgorithm algorithm, char fill) {
  return {algorithm, Secret(std::string(key_size(algorithm), fill))};
}

}  // namespace

TEST_CASE("a management key of every algorithm is set and proven") {
  ManagementKey before = factory_key();
  for (const auto algorithm : {ManagementAlgorithm::aes_256, ManagementAlgorithm::aes_128, ManagementAlgorithm::tdes,
                               ManagementAlgorithm::aes_192}) {
    CAPTURE(to_string(algorithm));
    Card card = open_card();
    card.authenticate(before);
    if (algorithm != ManagementAlgorithm::tdes && !at_least(5, 4)) {
      CHECK_CODE(card.set_management_key(key_of(algorithm, 'k')), Code::device_unsupported);
      continue;
    }
    before = key_of(algorithm, 'k');
    card.set_management_key(before);
    CHECK(card.info().management_algorithm == algorithm);
  }
  open_card().authenticate(before);
}

TEST_CASE("a wrong management key is told, and nothing counts down") {
  Card card = open_card();
  const auto algorithm = factory_key().algorithm;
  for (int i = 0; i < 20; ++i) CHECK_CODE(card.authenticate(key_of(algorithm, 'x')), Code::wrong_management_key);
  card.authenticate(factory_key());
}

TEST_CASE("a management key of another algorithm is the wrong one, and is not sent") {
  Card card = open_card();
  const auto other = at_least(5, 7) ? ManagementAlgorithm::tdes : ManagementAlgorithm::aes_192;
  CHECK_CODE(card.authenticate(factory_management_key(other)), Code::wrong_management_key);
  CHECK(sent(Ins::authenticate) == 0);
  CHECK_CODE(card.authenticate({ManagementAlgorithm::tdes, secret("short")}), Code::usage);
}

TEST_CASE("what needs the management key is refused without it") {
  Card card = open_card();
  CHECK_CODE(card.generate(Slot::authentication, Algorithm::ec_p256, PinPolicy::by_slot, TouchPolicy::by_slot),
             Code::device_failed);
  CHECK_CODE(card.write_certificate(Slot::authentication, {"x"}), Code::device_failed);
  CHECK_CODE(card.set_management_key(factory_management_key(ManagementAlgorithm::tdes)), Code::device_failed);
}

TEST_CASE("a card that does not know the key that it takes is found out") {
  const bool aes = at_least(5, 7);
  // It lets anybody in: the second answer is not what the key makes of the challenge.
  control("fault answer ins=87 nth=2 hex=7c" + std::string(aes ? "128210" : "0a8208") +
          std::string(aes ? 32 : 16, '0') + "9000");
  Card card = open_card();
  CHECK_CODE(card.authenticate(factory_key()), Code::device_failed);
}

TEST_CASE("a management key is kept under the PIN and found there") {
  {
    Card card = own_card();
    CHECK_FALSE(card.stored_management_key());
    card.store_management_key(nullptr);  // nothing there: nothing to remove
    ManagementKey key = factory_key();
    card.store_management_key(&key);
    CHECK(card.info().management_key_stored);
    CHECK_FALSE(card.info().management_key_derived);
  }
  {
    Card card = open_card();
    CHECK_CODE(card.stored_management_key(), Code::pin_required);
    card.verify_pin(pin());
    const auto stored = card.stored_management_key();
    REQUIRE(stored);
    CHECK(stored->algorithm == factory_key().algorithm);
    CHECK(stored->bytes.reveal() == factory_key().bytes.reveal());
    card.authenticate(*stored);
    card.store_management_key(nullptr);
  }
  Card card = open_card();
  CHECK_FALSE(card.info().management_key_stored);
  card.verify_pin(pin());
  CHECK_FALSE(card.stored_management_key());
}
