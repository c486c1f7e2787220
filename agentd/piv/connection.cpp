#include "agentd/piv/connection.hpp"

#include <algorithm>
#include <atomic>
#include <thread>

#include "agentd/piv/pcsc.hpp"
#include "agentd/piv/side_call.hpp"

namespace ymgr::piv {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

/// Whether an answer that got lost leaves it open what the card holds now.
bool changes(Ins ins) noexcept {
  constexpr Ins changing[] = {Ins::change_reference, Ins::reset_retry, Ins::generate, Ins::put_data,
                              Ins::move_key,         Ins::set_retries, Ins::reset,    Ins::set_management_key};
  return std::find(std::begin(changing), std::end(changing), ins) != std::end(changing);
}

}  // namespace

struct Connection::Handle {
  explicit Handle(std::string name) : reader(std::move(name)) {}
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle();
  void connect(Clock::time_point deadline);
  void begin();
  void transmit(Exchange& exchange, Ins ins);

  std::string reader;
  pcsc::Context context;
  SCARDHANDLE card = 0;
  bool connected = false, in_transaction = false;
  DWORD at_end = SCARD_LEAVE_CARD;
  std::atomic<bool> gone = false;  // there is nothing left to reset
};

Connection::Handle::~Handle() {
  if (in_transaction) SCardEndTransaction(card, gone ? SCARD_LEAVE_CARD : at_end);
  if (connected) SCardDisconnect(card, SCARD_LEAVE_CARD);
}

/// Shared, T=1. Polls while another program has the reader for itself: PC/SC has no waiting for that.
void Connection::Handle::connect(Clock::time_point deadline) {
  if (const LONG code = context.open(); code != SCARD_S_SUCCESS) throw pcsc::error(code, reader);
  while (true) {
    DWORD protocol = 0;
    const LONG code =
        SCardConnect(context.get(), reader.c_str(), SCARD_SHARE_SHARED, SCARD_PROTOCOL_T1, &card, &protocol);
    connected = code == SCARD_S_SUCCESS;
    if (connected) return;
    if (code == SCARD_E_NO_SMARTCARD) {
      throw Error(Code::device_not_found, "there is no YubiKey in " + reader, "plug it in");
    }
    if (code != SCARD_E_SHARING_VIOLATION || Clock::now() >= deadline) throw pcsc::error(code, reader);
    std::this_thread::sleep_for(milliseconds(50));
  }
}

void Connection::Handle::begin() {
  while (!in_transaction) {
    LONG code = SCardBeginTransaction(card);
    in_transaction = code == SCARD_S_SUCCESS;
    if (code == SCARD_W_RESET_CARD) {  // by the program that we waited for
      DWORD protocol = 0;
      code = SCardReconnect(card, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T1, SCARD_LEAVE_CARD, &protocol);
    }
    if (code != SCARD_S_SUCCESS) throw pcsc::error(code, reader);
  }
}

void Connection::Handle::transmit(Exchange& exchange, Ins ins) {
  const Outcome outcome = changes(ins) ? Outcome::unknown : Outcome::known;
  DWORD size = exchange.answer.size();
  const LONG code = SCardTransmit(card, SCARD_PCI_T1, exchange.command.data(), exchange.command_size, nullptr,
                                  exchange.answer.data(), &size);
  if (code == SCARD_E_INSUFFICIENT_BUFFER) {
    throw Error(Code::device_failed, "the card's answer to " + std::string(to_string(ins)) + " is too long", {}, {},
                outcome);
  }
  gone = code != SCARD_S_SUCCESS || size < 2;
  if (code != SCARD_S_SUCCESS) throw pcsc::error(code, reader, outcome);
  if (gone) throw pcsc::error(SCARD_W_REMOVED_CARD, reader, outcome);  // some readers say it so
  exchange.answer_size = size;
}

/// pcscd blocks SCardConnect and SCardBeginTransaction for as long as another program's transaction lasts, and nothing ends the
/// call: so a thread makes it, and is left alone after `busy_wait`. What it then gets, it lets go.
Connection::Connection(const std::string& reader, milliseconds busy_wait) : handle_(std::make_shared<Handle>(reader)) {
  constexpr int most_waiting = 8;
  static std::atomic<int> waiting = 0;
  if (waiting >= most_waiting) throw pcsc::busy(reader);
  ++waiting;
  SideCall call([handle = handle_, deadline = Clock::now() + busy_wait]() mutable {
    struct Waiter {
      std::shared_ptr<Handle> held;
      ~Waiter() { --waiting; }
    } const waiter{std::move(handle)};
    waiter.held->connect(deadline);
    waiter.held->begin();
  });
  if (!call.done_within(busy_wait + milliseconds(100))) {
    call.leave();
    throw pcsc::busy(reader);
  }
  call.finish();
}

Answer Connection::run(const Command& command) {
  Answer answer = piv::run(command, [&](Exchange& exchange) { handle_->transmit(exchange, command.ins); });
  changed_ = changed_ || (answer.ok() && changes(command.ins));
  return answer;
}

namespace {

/// While somebody is asked to touch the key.
class Asking {
 public:
  explicit Asking(const Patience& patience) : patience_(patience) {
    if (patience_.on_touch) patience_.on_touch();
  }
  ~Asking() {
    if (patience_.on_touch_end) patience_.on_touch_end();
  }
  Asking(const Asking&) = delete;
  Asking& operator=(const Asking&) = delete;

 private:
  const Patience& patience_;
};

}  // namespace

/// @throws Error touch-timeout
void Connection::wait_for_finger(SideCall& call, const Patience& patience) {
  if (call.done_within(patience.touch_after)) return;
  waited_ = true;
  const Asking asking(patience);
  if (call.done_within(std::max(milliseconds(0), patience.touch_limit - patience.touch_after))) return;
  call.leave();
  reset_at_end();
  throw Error(Code::touch_timeout, "nobody touched the YubiKey in " + reader(),
              "run the command again and touch the key when it blinks", {}, Outcome::unknown);
}

Answer Connection::run_patiently(const Command& command, const Patience& patience) {
  waited_ = false;
  return piv::run(command, [&](Exchange& exchange) {
    const auto sent = std::make_shared<Exchange>();  // outlives this call when it is given up
    sent->command = exchange.command;
    sent->command_size = exchange.command_size;
    SideCall call([handle = handle_, sent, ins = command.ins]() mutable {
      const auto held = std::move(handle);  // let go before anybody is told that the call has ended
      held->transmit(*sent, ins);
    });
    wait_for_finger(call, patience);
    call.finish();
    exchange.answer = sent->answer;
    exchange.answer_size = sent->answer_size;
  });
}

void Connection::reset_at_end() noexcept {
  handle_->at_end = SCARD_RESET_CARD;
}

const std::string& Connection::reader() const noexcept {
  return handle_->reader;
}

}  // namespace ymgr::piv
