#include "card/key.hpp"

using namespace ymgr;
using namespace ymgr::piv;

TEST_CASE("a reset leaves a key as from the factory") {
  {
    Card card = own_card();
    card.change_pin(pin(), secret("11223344"));
    card.generate(Slot::authentication, Algorithm::ec_p256, PinPolicy::by_slot, TouchPolicy::by_slot);
    card.write_certificate(Slot::authentication, {"certificate"});
    card.verify_pin(secret("11223344"));
    card.set_retries(20, 7);
    card.change_pin(pin(), secret("11223344"));
    CHECK_FALSE(card.why_no_reset());
    card.reset();
  }
  Card card = own_card();
  card.verify_pin(pin());
  CHECK_FALSE(card.read_certificate(Slot::authentication));
  CHECK_CODE(card.attest(Slot::authentication), Code::slot_empty);
}

TEST_CASE("a reset that is blocked spends no try") {
  if (!at_least(5, 7)) return;
  control("set reset-blocked on");
  Card card = open_card();
  CHECK(card.why_no_reset());
  CHECK_CODE(card.reset(), Code::device_refused);
  CHECK(compared() == 0);
  CHECK(sent(Ins::reset) == 0);
}
