#include "virtual_yubikey/device.hpp"

#include <thread>

#include "virtual_yubikey/block_cipher.hpp"

namespace virtual_yubikey {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr Byte power_off = 0, reset_line = 2, ask_atr = 4;  // 1: power on
constexpr milliseconds for_ever{-1};

std::string line_of(const Bytes& apdu, const Bytes& answer) {
  return to_hex(apdu) + " " + to_hex(View(answer).last(std::min<std::size_t>(answer.size(), 2)));
}

}  // namespace

Device::Device(State state, const StateFile& file, Settings settings)
    : file_(file),
      settings_(std::move(settings)),
      card_(std::move(state), [this] { return touched(); }),
      vpcd_(settings_.host, settings_.port) {
  if (!settings_.control.empty()) {
    control_.emplace(settings_.control, [this](const std::string& line) { return obey(line); });
  }
}

void Device::run() {
  plug();
  while (!gone_) {
    pump(for_ever);
    if (std::exchange(reader_ready_, false) && vpcd_.connected()) serve_frame();
  }
}

/// Waits for the reader or the control socket and serves the latter.
void Device::pump(milliseconds timeout) {
  std::vector<pollfd> polled;
  if (vpcd_.connected()) polled.push_back({vpcd_.descriptor(), POLLIN, 0});
  if (control_) control_->add_to(polled);
  if (polled.empty()) {
    gone_ = true;  // pulled out, and nobody can plug it in again
    return;
  }
  if (::poll(polled.data(), polled.size(), static_cast<int>(timeout.count())) <= 0) return;
  if (vpcd_.connected()) reader_ready_ = polled.front().revents != 0;
  if (control_) control_->serve(polled);
}

void Device::serve_frame() {
  const auto frame = vpcd_.receive();
  if (!frame) {
    gone_ = true;
    return;
  }
  if (std::exchange(unnoticed_, false)) {
    vpcd_.close();
    plug();
  } else if (frame->size() > 1) {
    serve_apdu(*frame);
  } else if (frame->size() == 1 && frame->front() == ask_atr) {
    vpcd_.send(card_.atr());
    powered_ = on_;
  } else if (frame->size() == 1 && frame->front() <= reset_line) {
    powered_ = false;  // true when it has told its ATR
    on_ = frame->front() != power_off;
    card_.reset();
  }
}

void Device::serve_apdu(const Bytes& apdu) {
  const auto fault = faults_.strike(apdu);
  const auto is = [&](FaultKind kind) { return fault && fault->kind == kind; };
  const bool again = is(FaultKind::reset_before) || is(FaultKind::reset_after);
  Bytes answer;
  try {
    if (is(FaultKind::removed_before) || is(FaultKind::reset_before)) throw Removed{};
    answer = run_apdu(apdu, fault);
    if (is(FaultKind::removed_after) || is(FaultKind::reset_after)) throw Removed{};
    vpcd_.send(answer);
  } catch (const Removed&) {
    pull();
    if (again) plug();
  }
  apdus_.push_back(line_of(apdu, answer));
  ++counts_[to_hex(View(apdu).subspan(1, 1))];
}

Bytes Device::run_apdu(const Bytes& apdu, const std::optional<Fault>& fault) {
  const auto is = [&](FaultKind kind) { return fault && fault->kind == kind; };
  if (is(FaultKind::answer)) return fault->answer;
  if (is(FaultKind::hold)) {
    released_ = false;
    wait("hold", std::nullopt, [this] { return released_; });
  }
  std::optional<State> before;
  if (is(FaultKind::stores_nothing)) before = card_.memory().read();
  Bytes answer = card_.transmit(apdu);
  if (before) {
    card_.memory().change() = std::move(*before);
    card_.memory().take_changed();
  } else if (card_.memory().take_changed()) {
    file_.save(card_.memory().read());
  }
  if (is(FaultKind::garbage)) return random_bytes(1 + random_bytes(1).front());
  return answer;
}

void Device::plug() {
  if (vpcd_.connected()) return;
  constexpr auto patience = std::chrono::seconds(10);
  for (const auto end = steady_clock::now() + patience; !vpcd_.connect();) {
    if (steady_clock::now() > end) throw std::runtime_error("no reader at " + settings_.host + ":" + settings_.port);
    std::this_thread::sleep_for(milliseconds(20));
  }
}

/// A reader that noticed by an APDU takes the next connection for the old card. What it asks that one first is whether a
/// card is there: serve_frame() lets that fail once, and pcscd sees a card go and another come.
void Device::pull() {
  unnoticed_ = vpcd_.connected() || unnoticed_;
  vpcd_.close();
  card_.reset();
  on_ = powered_ = false;
}

bool Device::touched() {
  if (settings_.finger == Finger::asked) {
    wait("touch", settings_.touch_timeout, [this] { return settings_.finger != Finger::asked; });
  }
  return settings_.finger == Finger::given;
}

/// Serves the control socket in the middle of an APDU. False: the time is up. @throws Removed
bool Device::wait(const char* what, std::optional<milliseconds> most, const std::function<bool()>& done) {
  waiting_ = what;
  const auto start = steady_clock::now();
  while (!done() && vpcd_.connected() && !reader_ready_) {
    const auto passed = std::chrono::duration_cast<milliseconds>(steady_clock::now() - start);
    if (most && passed >= *most) break;
    pump(most ? *most - passed : for_ever);
  }
  waiting_ = nullptr;
  // The reader sends nothing before it has its answer: a frame now is its end.
  if (!vpcd_.connected() || reader_ready_) throw Removed{};
  return done();
}

}  // namespace virtual_yubikey
