#include "card/key.hpp"

using namespace ymgr;
using namespace ymgr::piv;

TEST_CASE("a fresh key tells what it is, and no try is spent") {
  Card card = open_card();
  const DeviceInfo info = card.info();
  CHECK(card.serial() == "1001");
  CHECK(info.serial == "1001");
  CHECK(info.reader == reader());
  CHECK(info.firmware == firmware());
  CHECK(card.firmware() == firmware());
  CHECK(info.form_factor == "usb-a-keychain");
  CHECK_FALSE(info.fips);
  CHECK(info.known_weak.size() == (at_least(5, 7) ? 0 : 1));
  CHECK(info.management_algorithm == (at_least(5, 7) ? ManagementAlgorithm::aes_192 : ManagementAlgorithm::tdes));
  CHECK_FALSE(info.management_key_stored);
  REQUIRE(info.pin_tries);
  CHECK(info.pin_tries->left == 3);
  if (at_least(5, 3)) {
    CHECK(info.pin_tries->max == 3);
    CHECK(info.puk_tries.value().left == 3);
    CHECK(info.default_pin == true);
    CHECK(info.default_puk == true);
    CHECK(info.default_management_key == true);
  } else {
    CHECK_FALSE(info.default_pin);
    CHECK_FALSE(info.default_puk);
    CHECK_FALSE(info.default_management_key);
    CHECK_FALSE(info.puk_tries);
  }
  CHECK(compared() == 0);
}

TEST_CASE("information follows what changes") {
  {
    Card card = own_card();
    card.change_pin(pin(), secret("11223344"));
    card.change_puk(puk(), secret("44332211"));
    card.set_management_key({ManagementAlgorithm::tdes, secret("abcdefgh12345678ABCDEFGH")});
  }
  Card card = open_card();
  CHECK(tries_left([&] { card.verify_pin(pin()); }) == 2);
  const DeviceInfo info = card.info();
  CHECK(info.pin_tries.value().left == 2);
  CHECK(info.management_algorithm == ManagementAlgorithm::tdes);
  if (!at_least(5, 3)) return;
  CHECK(info.default_pin == false);
  CHECK(info.default_puk == false);
  CHECK(info.default_management_key == false);
}

TEST_CASE("information can be had again and again, also after a PIN was verified") {
  Card card = open_card();
  card.verify_pin(pin());
  CHECK(card.info().pin_tries.value().left == 3);
  CHECK(card.info().pin_tries.value().left == 3);
}

TEST_CASE("a reader that is not there is named") {
  const auto error = thrown([] { Card::open("No such YubiKey 00 00"); });
  REQUIRE(error);
  CHECK(error->code() == Code::device_not_found);
  CHECK(std::string(error->what()).find("No such YubiKey") != std::string::npos);
}
