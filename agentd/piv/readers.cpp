#include "agentd/piv/readers.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "agentd/piv/pcsc.hpp"

namespace ymgr::piv {
namespace {

constexpr const char* plug_and_play = R"(\\?PnP?\Notification)";
constexpr std::size_t most_readers = 64;

/// Of all kinds of reader. @throws Error device-failed
std::vector<std::string> all_readers(const pcsc::Context& context) {
  DWORD size = 0;
  LONG code = SCardListReaders(context.get(), nullptr, nullptr, &size);
  std::string names(size, '\0');
  if (code == SCARD_S_SUCCESS) code = SCardListReaders(context.get(), nullptr, names.data(), &size);
  if (code == SCARD_E_NO_READERS_AVAILABLE || pcsc::is_gone(code)) return {};
  if (code != SCARD_S_SUCCESS) throw pcsc::error(code, {});
  names.resize(std::min<std::size_t>(size, names.size()));
  std::vector<std::string> list;
  for (std::size_t at = 0; at < names.size() && names[at] != '\0' && list.size() < most_readers;) {
    list.emplace_back(names.c_str() + at);
    at += list.back().size() + 1;
  }
  return list;
}

bool is_yubikey(const std::string& reader) {
  constexpr std::string_view word = "yubikey";
  const auto same = [](char a, char b) { return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + 32) : a) == b; };
  return std::search(reader.begin(), reader.end(), word.begin(), word.end(), same) != reader.end();
}

SCARD_READERSTATE state_of(const char* reader, DWORD current) {
  SCARD_READERSTATE state{};
  state.szReader = reader;
  state.dwCurrentState = current;
  return state;
}

PluggedReader plugged(const SCARD_READERSTATE& state) {
  return {state.szReader, state.dwEventState >> 16U};  // pcscd counts the cards that came and went
}

std::vector<PluggedReader> present(const std::vector<SCARD_READERSTATE>& states) {
  std::vector<PluggedReader> list;
  for (const auto& state : states) {
    if ((state.dwEventState & SCARD_STATE_PRESENT) != 0 && is_yubikey(state.szReader)) list.push_back(plugged(state));
  }
  return list;
}

/// What is waited for to change: not who uses a card, which we do ourselves.
DWORD seen_state(DWORD state) {
  return state & ~static_cast<DWORD>(SCARD_STATE_CHANGED | SCARD_STATE_INUSE | SCARD_STATE_EXCLUSIVE);
}

}  // namespace

struct ReaderWatch::State {
  pcsc::Context context;
  std::map<std::string, DWORD> seen;  // what each reader's state was when it was told last
  bool told = false, resting = false;
  std::atomic<bool> stopped{false}, asleep{false};
  std::mutex mutex;
  std::condition_variable woken;
  bool again = false;  // guarded by mutex

  void rest();
  LONG sleep(std::vector<SCARD_READERSTATE>& states, DWORD milliseconds);
  Plugged look();
};

/// pcscd is not there.
void ReaderWatch::State::rest() {
  std::unique_lock lock(mutex);
  woken.wait(lock, [&] { return stopped || again; });
  again = false;
}

LONG ReaderWatch::State::sleep(std::vector<SCARD_READERSTATE>& states, DWORD milliseconds) {
  asleep = true;
  const LONG code =
      stopped ? SCARD_E_CANCELLED : SCardGetStatusChange(context.get(), milliseconds, states.data(), states.size());
  asleep = false;
  return code;
}

/// Sleeps until a reader's state is another than `seen`, then tells which keys are there.
Plugged ReaderWatch::State::look() {
  std::vector<std::string> readers;  // the states point into it
  std::vector<SCARD_READERSTATE> states;
  LONG code = SCARD_S_SUCCESS;
  do {
    readers = all_readers(context);
    states.clear();
    for (const auto& reader : readers) {
      const auto known = seen.find(reader);
      states.push_back(state_of(reader.c_str(), known == seen.end() ? SCARD_STATE_UNAWARE : known->second));
    }
    states.push_back(state_of(plug_and_play, static_cast<DWORD>(readers.size()) << 16U));
    code = sleep(states, told ? INFINITE : 0);
  } while (code == SCARD_E_UNKNOWN_READER);  // one went in between
  if (pcsc::is_gone(code)) return {};
  states.pop_back();
  seen.clear();
  for (const auto& state : states) seen[state.szReader] = seen_state(state.dwEventState);
  return {true, present(states)};
}

ReaderWatch::ReaderWatch() : state_(std::make_unique<State>()) {}
ReaderWatch::~ReaderWatch() = default;

Plugged ReaderWatch::wait() {
  if (std::exchange(state_->resting, false)) state_->rest();
  if (state_->stopped) return {};
  state_->resting = true;
  const LONG code = state_->context.open();
  if (code != SCARD_S_SUCCESS && !pcsc::is_gone(code)) throw pcsc::error(code, {});
  Plugged plugged;
  if (code == SCARD_S_SUCCESS) plugged = state_->look();
  state_->told = plugged.pcscd;
  state_->resting = !plugged.pcscd;
  if (!plugged.pcscd) {
    state_->seen.clear();
    state_->context.close();
  }
  return state_->stopped ? Plugged() : plugged;
}

void ReaderWatch::look_again() noexcept {
  {
    const std::lock_guard lock(state_->mutex);
    state_->again = true;
  }
  state_->woken.notify_all();
}

void ReaderWatch::stop() noexcept {
  state_->stopped = true;
  { const std::lock_guard lock(state_->mutex); }
  state_->woken.notify_all();
  while (state_->asleep) {  // a cancellation before the call is lost
    SCardCancel(state_->context.get());
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

bool ReaderWatch::stopped() const noexcept {
  return state_->stopped;
}

}  // namespace ymgr::piv
