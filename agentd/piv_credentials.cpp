// PIN, PUK and management key. What was changed is proven on the card before it is let go.
#include "agentd/asked.hpp"
#include "agentd/piv_endpoints.hpp"

namespace ymgr::agentd {
namespace {

using piv::Card;

/// The card said that it took a new value: it must know it now.
template <class Check>
void confirm(const Card& card, const std::string& what, Check&& check) {
  try {
    check();
  } catch (const Error& error) {
    if (error.kind() != Kind::pin) throw;
    throw Error(Code::device_failed,
                "the YubiKey " + card.serial() + " says that its " + what + " was changed, and then does not know it",
                "the former one may still be good", error.details(), Outcome::unknown);
  }
}

int number_of_tries(const Asked& asked, const char* name) {
  const std::int64_t tries = asked.body().at(name).integer();
  if (tries < 1 || tries > 255) throw Error(Code::request_invalid, std::string(name) + " is 1 to 255");
  return static_cast<int>(tries);
}

Json verify_on(Card& card, const Asked& asked) {
  const std::int64_t least = asked.body().integer_or("at_least_tries", 0);
  if (const Secret* pin = asked.secret("pin")) {
    if (least > 0) need_tries(card.pin_tries(), least, "PIN", Code::pin_blocked);
    card.verify_pin(*pin);
  } else if (const Secret* puk = asked.secret("puk")) {
    if (least > 0) need_tries(card.puk_tries(), least, "PUK", Code::puk_blocked);
    card.change_puk(*puk, *puk);  // PIV has no command that only compares it
  } else {
    card.authenticate(asked.management_key(card, "management_key", "algorithm"));
  }
  return success();
}

/// Before firmware 5.3 the card tells tries left only, up to 15.
void check_retries(Card& card, int pin_tries) {
  const auto told = card.pin_tries();
  const int wanted = told && !told->max ? std::min(pin_tries, 15) : pin_tries;
  if (told && told->left == wanted) return;
  throw Error(Code::device_failed, "the YubiKey " + card.serial() + " did not take the number of tries", {}, {},
              Outcome::unknown);
}

}  // namespace

void verify(const Call& call) {
  const auto asked =
      read_asked(call, {.plain = {"at_least_tries", "algorithm"}, .optional_sealed = {"pin", "puk", "management_key"}});
  int secrets = 0;
  for (const char* name : {"pin", "puk", "management_key"}) secrets += asked->secret(name) != nullptr ? 1 : 0;
  if (secrets != 1) throw Error(Code::request_invalid, "exactly one of pin, puk and management_key is verified");
  if (asked->body().integer_or("at_least_tries", 0) < 0)
    throw Error(Code::request_invalid, "at_least_tries is negative");
  asked->management_algorithm("algorithm");
  on_card(call, asked, verify_on);
}

void set_pin(const Call& call) {
  on_card(call, read_asked(call, {.sealed = {"pin", "current_pin"}}), [](Card& card, const Asked& asked) {
    card.change_pin(asked.need("current_pin"), asked.need("pin"));
    confirm(card, "PIN", [&] { card.verify_pin(asked.need("pin")); });
    return success();
  });
}

void set_puk(const Call& call) {
  on_card(call, read_asked(call, {.sealed = {"puk", "current_puk"}}), [](Card& card, const Asked& asked) {
    card.change_puk(asked.need("current_puk"), asked.need("puk"));
    confirm(card, "PUK", [&] { card.change_puk(asked.need("puk"), asked.need("puk")); });
    return success();
  });
}

void unblock_pin(const Call& call) {
  on_card(call, read_asked(call, {.sealed = {"puk", "pin"}}), [](Card& card, const Asked& asked) {
    card.unblock_pin(asked.need("puk"), asked.need("pin"));
    confirm(card, "PIN", [&] { card.verify_pin(asked.need("pin")); });
    return success();
  });
}

void set_retries(const Call& call) {
  const auto asked =
      read_asked(call, {.plain = {"pin_tries", "puk_tries", "algorithm"}, .sealed = {"pin", "management_key"}});
  const int pin_tries = number_of_tries(*asked, "pin_tries"), puk_tries = number_of_tries(*asked, "puk_tries");
  asked->management_algorithm("algorithm");
  on_card(call, asked, [pin_tries, puk_tries](Card& card, const Asked& given) {
    card.authenticate(given.management_key(card, "management_key", "algorithm"));
    card.verify_pin(given.need("pin"));
    card.set_retries(pin_tries, puk_tries);
    check_retries(card, pin_tries);
    return success();
  });
}

void rotate_management_key(const Call& call) {
  const auto asked = read_asked(call, {.plain = {"algorithm", "current_algorithm", "touch_policy", "protected"},
                                       .sealed = {"management_key"},
                                       .optional_sealed = {"current_management_key", "pin"}});
  asked->need_opener("current_management_key");
  asked->management_algorithm("current_algorithm");
  const auto algorithm = asked->word<piv::ManagementAlgorithm>("algorithm", piv::parse_management_algorithm);
  const auto touch = asked->word<piv::TouchPolicy>("touch_policy", piv::parse_touch_policy, piv::TouchPolicy::never);
  if (touch == piv::TouchPolicy::by_slot) throw Error(Code::request_invalid, "touch_policy is never, always or cached");
  on_card(call, asked, [algorithm, touch](Card& card, const Asked& given) {
    const piv::ManagementKey next = given.management_key(card, "management_key", "algorithm");
    if (next.bytes.size() != piv::key_size(algorithm)) {
      throw Error(Code::request_invalid, "management_key has another length than its algorithm wants");
    }
    given.open(card, "current_management_key", "current_algorithm");
    card.set_management_key(next, touch);
    confirm(card, "management key", [&] { card.authenticate(next); });
    card.store_management_key(nullptr);
    return success();
  });
}

void reset(const Call& call) {
  on_card(call, read_asked(call, {}), [](Card& card, const Asked&) {
    card.reset();
    confirm(card, "PIN", [&] { card.verify_pin(Secret(piv::factory_pin())); });
    return success();
  });
}

}  // namespace ymgr::agentd
