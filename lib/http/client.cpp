#include "http/client.hpp"

#include <algorithm>
#include <chrono>
#include <optional>

#include "http/transfer.hpp"

namespace ymgr::http {
namespace {

using Steady = std::chrono::steady_clock;

/// The watch beside a request: one small request after the other.
class Watcher {
 public:
  Watcher(CURLM* multi, const ClientSettings& settings, const Watch& watch, Steady::time_point from)
      : multi_(multi), settings_(settings), watch_(watch), next_(from + watch.every) {}

  void finish(const CURL* easy, CURLcode code) {
    if (asking_ && asking_->is(easy)) asking_->finish(code);
  }
  void run(Steady::time_point at) {
    if (asking_ && asking_->done()) {
      ended_ = asking_->failed();
      paused_ = !ended_ && watch_.seen(asking_->take_answer());
      asking_.reset();
      next_ = at + watch_.every;
    } else if (!asking_ && !ended_ && at >= next_) {
      paused_ = false;
      asking_.emplace(multi_, settings_, watch_.request);
    }
  }
  /// The time does not count for the other request.
  bool paused() const noexcept { return paused_; }
  Steady::time_point next() const noexcept { return asking_ || ended_ ? Steady::time_point::max() : next_; }

 private:
  CURLM* multi_;
  const ClientSettings& settings_;
  const Watch& watch_;
  Steady::time_point next_;
  std::optional<Transfer> asking_;
  bool paused_ = false, ended_ = false;
};

int milliseconds_until(Steady::time_point end, Steady::time_point at) {
  constexpr std::int64_t longest = 60'000;
  if (end <= at) return 0;
  const auto rest = std::chrono::duration_cast<std::chrono::milliseconds>(end - at).count() + 1;
  return static_cast<int>(std::min<std::int64_t>(rest, longest));
}

struct CloseMulti {
  void operator()(CURLM* multi) const noexcept { curl().multi_cleanup(multi); }
};

}  // namespace

struct Client::State {
  ClientSettings settings;
  std::unique_ptr<CURLM, CloseMulti> multi{};

  void collect(Transfer& transfer, std::optional<Watcher>& watcher) const {
    int running = 0, left = 0;
    curl().multi_perform(multi.get(), &running);
    while (const CURLMsg* message = curl().multi_info_read(multi.get(), &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      if (transfer.is(message->easy_handle)) {
        transfer.finish(message->data.result);
      } else if (watcher) {
        watcher->finish(message->easy_handle, message->data.result);
      }
    }
  }
};

Client::Client(ClientSettings settings) : state_(new State{std::move(settings)}) {}
Client::Client(Client&&) noexcept = default;
Client::~Client() = default;

ClientAnswer Client::send(const ClientRequest& request, const Watch* watch) {
  State& state = *state_;
  if (!state.multi) state.multi.reset(curl().multi_init());
  auto at = Steady::now();
  auto deadline = at + (request.timeout > Duration{} ? request.timeout : state.settings.timeout);
  Transfer transfer(state.multi.get(), state.settings, request);
  std::optional<Watcher> watcher;
  if (watch != nullptr) watcher.emplace(state.multi.get(), state.settings, *watch, at);
  while (true) {
    state.collect(transfer, watcher);
    if (transfer.done()) return transfer.take_answer();
    const auto before = std::exchange(at, Steady::now());
    if (watcher && watcher->paused()) deadline += at - before;
    if (at >= deadline) transfer.fail("gives no answer in time");
    if (watcher) watcher->run(at);
    const auto next = watcher ? std::min(deadline, watcher->next()) : deadline;
    curl().multi_poll(state.multi.get(), nullptr, 0, milliseconds_until(next, at), nullptr);
  }
}

}  // namespace ymgr::http
