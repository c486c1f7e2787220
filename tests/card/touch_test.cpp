#include <atomic>

#include "agentd/piv/side_call.hpp"
#include "card/key.hpp"

using namespace ymgr;
using namespace ymgr::piv;

namespace {

using std::chrono::milliseconds;

PublicKey touched_key() {
  Card card = own_card();
  return card.generate(Slot::card_authentication, Algorithm::ec_p256, PinPolicy::never, TouchPolicy::always);
}

}  // namespace

TEST_CASE("a person is asked to touch the key, once, and then it signs") {
  const PublicKey key = touched_key();
  control("touch asked");
  std::atomic<int> asked = 0;
  OpenOptions options;
  options.touch_after = milliseconds(50);
  options.on_touch = [&] {
    ++asked;
    control("touch given");
  };
  Card card = open_card(options);
  CHECK_FALSE(card.sign(Slot::card_authentication, key, "message").empty());
  CHECK(asked == 1);
}

TEST_CASE("nobody is asked where no touch is waited for") {
  const PublicKey key = touched_key();
  OpenOptions options;
  options.on_touch = [] { FAIL("asked"); };
  Card card = open_card(options);
  card.sign(Slot::card_authentication, key, "message");
}

TEST_CASE("a touch that does not come is told as that") {
  const PublicKey key = touched_key();
  control("touch refused");
  Card card = open_card();
  if (at_least(5, 3)) card.verify_pin(pin());
  CHECK_CODE(card.sign(Slot::card_authentication, key, "message"),
             at_least(5, 3) ? Code::touch_timeout : Code::pin_required);
}

TEST_CASE("a key that waits for too long is given up, stays busy, and comes back") {
  const PublicKey key = touched_key();
  control("touch asked");
  OpenOptions options;
  options.touch_after = milliseconds(20);
  options.touch_limit = milliseconds(100);
  options.busy_wait = milliseconds(200);
  {
    Card card = open_card(options);
    const auto error = thrown([&] { card.sign(Slot::card_authentication, key, "message"); });
    REQUIRE(error);
    CHECK(error->code() == Code::touch_timeout);
    CHECK(error->outcome_unknown());
  }
  CHECK_CODE(open_card(options), Code::device_busy);
  control("touch given");
  CHECK_FALSE(open_card().sign(Slot::card_authentication, key, "message").empty());
}

TEST_CASE("a management key may want a touch too") {
  {
    Card card = own_card();
    card.set_management_key(factory_key(), TouchPolicy::always);
    if (at_least(5, 3)) CHECK(card.info().management_touch == TouchPolicy::always);
  }
  control("touch asked");
  int asked = 0;
  OpenOptions options;
  options.touch_after = milliseconds(50);
  options.on_touch = [&] {
    ++asked;
    control("touch given");
  };
  open_card(options).authenticate(factory_key());
  CHECK(asked == 1);
}
