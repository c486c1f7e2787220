#include "card/key.hpp"

using namespace ymgr;
using namespace ymgr::piv;

TEST_CASE("a wrong PIN counts down, a right one fills the counter again") {
  Card card = open_card();
  CHECK(tries_left([&] { card.verify_pin(secret("00000000")); }) == 2);
  CHECK(tries_left([&] { card.verify_pin(secret("00000000")); }) == 1);
  card.verify_pin(pin());
  CHECK(tries_left([&] { card.verify_pin(secret("00000000")); }) == 2);
  CHECK(compared() == 4);
}

TEST_CASE("a blocked PIN is told, and the PUK unblocks it") {
  Card card = open_card();
  for (int i = 0; i < 2; ++i) CHECK_CODE(card.verify_pin(secret("00000000")), Code::wrong_pin);
  CHECK_CODE(card.verify_pin(secret("00000000")), Code::pin_blocked);
  CHECK_CODE(card.verify_pin(pin()), Code::pin_blocked);
  CHECK_CODE(card.change_pin(pin(), secret("11223344")), Code::pin_blocked);
  CHECK(tries_left([&] { card.verify_pin(pin()); }) == 0);
  CHECK(card.info().pin_tries.value().left == 0);
  CHECK(tries_left([&] { card.unblock_pin(secret("00000000"), secret("11223344")); }) == 2);
  card.unblock_pin(puk(), secret("11223344"));
  card.verify_pin(secret("11223344"));
}

TEST_CASE("a blocked PUK is told") {
  Card card = open_card();
  CHECK_CODE(card.change_puk(secret("00000000"), secret("11223344")), Code::wrong_puk);
  CHECK_CODE(card.unblock_pin(secret("00000000"), secret("11223344")), Code::wrong_puk);
  CHECK_CODE(card.change_puk(secret("00000000"), secret("11223344")), Code::puk_blocked);
  CHECK_CODE(card.unblock_pin(puk(), secret("11223344")), Code::puk_blocked);
  card.verify_pin(pin());  // the PIN is another matter
}

TEST_CASE("PIN and PUK are changed") {
  {
    Card card = open_card();
    CHECK(tries_left([&] { card.change_pin(secret("00000000"), secret("11223344")); }) == 2);
    card.change_pin(pin(), secret("112233"));
    card.change_puk(puk(), secret("44332211"));
  }
  Card card = open_card();
  card.verify_pin(secret("112233"));
  card.unblock_pin(secret("44332211"), secret("55667788"));
  card.verify_pin(secret("55667788"));
}

TEST_CASE("a value that no card takes is not sent") {
  Card card = open_card();
  for (const char* wrong : {"", "12345", "123456789"}) {
    CAPTURE(wrong);
    CHECK_CODE(card.verify_pin(secret(wrong)), Code::pin_unusable);
    CHECK_CODE(card.change_pin(pin(), secret(wrong)), Code::pin_unusable);
    CHECK_CODE(card.change_pin(secret(wrong), pin()), Code::pin_unusable);
    CHECK_CODE(card.change_puk(puk(), secret(wrong)), Code::pin_unusable);
    CHECK_CODE(card.unblock_pin(secret(wrong), pin()), Code::pin_unusable);
    CHECK_CODE(card.unblock_pin(puk(), secret(wrong)), Code::pin_unusable);
  }
  CHECK(compared() == 0);
}

TEST_CASE("a PIN that the card's complexity rule refuses is told as that") {
  if (!at_least(5, 7)) return;
  control("set complexity on");
  Card card = open_card();
  CHECK_CODE(card.change_pin(pin(), secret("111111")), Code::device_refused);
  card.verify_pin(pin());
  card.change_pin(pin(), secret("27182818"));
}

TEST_CASE("numbers of tries are set, with both proofs and the factory's values afterwards") {
  {
    Card card = own_card();
    CHECK_CODE(card.set_retries(5, 4), Code::device_failed);
    CHECK_CODE(card.set_retries(0, 4), Code::usage);
    CHECK_CODE(card.set_retries(5, 256), Code::usage);
    card.change_pin(pin(), secret("11223344"));
    card.verify_pin(secret("11223344"));
    card.set_retries(5, 255);
  }
  Card card = open_card();
  const DeviceInfo info = card.info();
  CHECK(info.pin_tries.value().left == 5);
  if (at_least(5, 3)) CHECK(info.puk_tries.value().max == 255);
  CHECK(tries_left([&] { card.verify_pin(secret("11223344")); }) == 4);
  card.verify_pin(pin());
}

TEST_CASE("what was proven to the card is forgotten with the object") {
  {
    Card card = own_card();
    card.verify_pin(pin());
  }
  Card card = open_card();
  CHECK_CODE(card.set_retries(5, 5), Code::device_failed);
}
