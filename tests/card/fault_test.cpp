#include <vector>

#include "agentd/piv/pcsc.hpp"
#include "agentd/piv/side_call.hpp"
#include "card/key.hpp"

using namespace ymgr;
using namespace ymgr::piv;

namespace {

struct Operation {
  const char* ins;
  bool changes;
  void (*run)(Card&);
};

/// One for each command that an operation can end in.
const Operation operations[] = {
    {"20", false, [](Card& card) { card.verify_pin(pin()); }},
    {"24", true, [](Card& card) { card.change_pin(pin(), secret("11223344")); }},
    {"2c", true, [](Card& card) { card.unblock_pin(puk(), secret("11223344")); }},
    {"fa", true, [](Card& card) { card.verify_pin(pin()), card.set_retries(5, 5); }},
    {"ff", true, [](Card& card) { card.set_management_key(factory_management_key(ManagementAlgorithm::tdes)); }},
    {"47", true,
     [](Card& card) { card.generate(Slot::signature, Algorithm::ec_p256, PinPolicy::never, TouchPolicy::never); }},
    {"db", true, [](Card& card) { card.write_certificate(Slot::signature, {"certificate"}); }},
    {"cb", false, [](Card& card) { card.read_certificate(Slot::signature); }},
    {"f9", false, [](Card& card) { card.attest(Slot::signature); }},
    {"fb", true, [](Card& card) { card.reset(); }},
};

}  // namespace

TEST_CASE("a key that is pulled out is missed, and what it holds then is open only where something was to change") {
  if (!at_least(5, 7)) return;  // pcscd takes its time to see each key come back
  for (const Operation& operation : operations) {
    CAPTURE(operation.ins);
    open_card().reset();  // whatever the last round left behind
    std::optional<Error> error;
    {
      Card card = own_card();
      control(std::string("fault removed-after ins=") + operation.ins);
      error = thrown([&] { operation.run(card); });
    }
    control("clear");
    plug_in();
    REQUIRE(error);
    CHECK(error->code() == Code::device_removed);
    CHECK(error->outcome_unknown() == operation.changes);
  }
}

TEST_CASE("nothing but the card's last word counts after it was pulled out") {
  for (const char* when : {"removed-before", "reset-before", "reset-after"}) {
    CAPTURE(when);
    {
      Card card = open_card();
      control(std::string("fault ") + when + " ins=24");
      const auto error = thrown([&] { card.change_pin(pin(), secret("11223344")); });
      REQUIRE(error);
      CHECK(error->code() == Code::device_removed);
      CHECK(error->outcome_unknown());
      CHECK_CODE(card.verify_pin(pin()), Code::device_removed);  // the object is of no more use
    }
    const bool changed = std::string_view(when).ends_with("after");
    plug_in();
    Card card = open_card();
    card.verify_pin(changed ? secret("11223344") : pin());
    CHECK(card.info().pin_tries.value().left == 3);
  }
}

TEST_CASE("garbage never gets through as an answer, and never as another exception") {
  for (int round = 0; round < 5; ++round) {
    for (const Operation& operation : operations) {
      CAPTURE(operation.ins);
      open_card().reset();
      std::optional<Error> error;
      {
        Card card = own_card();
        control(std::string("fault garbage ins=") + operation.ins);
        error = thrown([&] { operation.run(card); });
      }
      control("clear");
      REQUIRE(error);
      CHECK((error->kind() == Kind::device || error->kind() == Kind::pin || error->code() == Code::slot_empty));
    }
  }
}

TEST_CASE("an answer without end is given up") {
  control("fault answer ins=f9 hex=6100");
  control("fault answer ins=c0 times=1000 hex=6100");
  {
    Card card = own_card();
    CHECK_CODE(card.attest(Slot::signature), Code::device_failed);
  }
  CHECK(sent(Ins::get_response) <= 64);
  control("clear");
  open_card().verify_pin(pin());
}

TEST_CASE("another program's transaction is waited for, within a bound, and named") {
  Card first = open_card();
  OpenOptions hasty;
  hasty.busy_wait = std::chrono::milliseconds(300);
  const auto error = thrown([&] { open_card(hasty); });
  REQUIRE(error);
  CHECK(error->code() == Code::device_busy);
  CHECK(std::string(error->what()).find(reader()) != std::string::npos);
  first.verify_pin(pin());  // the one that holds it is not disturbed
}

TEST_CASE("another program that has the reader for itself is waited for, within a bound") {
  OpenOptions hasty;
  hasty.busy_wait = std::chrono::milliseconds(300);
  pcsc::Context context;
  REQUIRE(context.open() == SCARD_S_SUCCESS);
  SCARDHANDLE card = 0;
  DWORD protocol = 0;
  REQUIRE(SCardConnect(context.get(), reader().c_str(), SCARD_SHARE_EXCLUSIVE, SCARD_PROTOCOL_T1, &card, &protocol) ==
          SCARD_S_SUCCESS);
  CHECK_CODE(open_card(hasty), Code::device_busy);
  SCardDisconnect(card, SCARD_LEAVE_CARD);
  open_card(hasty).verify_pin(pin());
}

TEST_CASE("the card is had as soon as the program that held it ends, also when that reset it") {
  pcsc::Context context;
  REQUIRE(context.open() == SCARD_S_SUCCESS);
  SCARDHANDLE other = 0;
  DWORD protocol = 0;
  REQUIRE(SCardConnect(context.get(), reader().c_str(), SCARD_SHARE_SHARED, SCARD_PROTOCOL_T1, &other, &protocol) ==
          SCARD_S_SUCCESS);
  REQUIRE(SCardBeginTransaction(other) == SCARD_S_SUCCESS);
  std::optional<Card> mine;
  {
    SideCall waiting([&] { mine.emplace(open_card()); });
    CHECK_FALSE(waiting.done_within(std::chrono::milliseconds(200)));
    SCardEndTransaction(other, SCARD_RESET_CARD);
    waiting.finish();
  }
  mine->verify_pin(pin());
  SCardDisconnect(other, SCARD_LEAVE_CARD);
}
