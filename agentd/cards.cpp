#include "agentd/cards.hpp"

#include <algorithm>
#include <condition_variable>

#include "agentd/log.hpp"
#include "base/text.hpp"

namespace ymgr::agentd {
namespace {

using Workers = std::list<std::unique_ptr<CardWorker>>;

/// What can't be decided yet.
struct Parked {
  CardTask task;
  bool looked = false;   // pcscd was looked for since
  bool retried = false;  // keys that could not be read were tried again
};

Error stopping(Outcome outcome) {
  return Error(Code::agent_stopping, "the agent is being stopped", {}, {}, outcome);
}

Error removed_from(const std::string& reader) {
  return Error(Code::device_removed, "the YubiKey in " + reader + " was pulled out before the operation began",
               "plug it in and run the same command again");
}

Error not_found(const std::string& serial) {
  return Error(Code::device_not_found, serial.empty() ? "there is no YubiKey" : "there is no YubiKey " + serial,
               "plug it in; pcscd must run");
}

Error ambiguous(const Workers& workers) {
  std::vector<std::string> serials;
  for (const auto& worker : workers) {
    if (auto serial = worker->seen().serial; !serial.empty()) serials.push_back(std::move(serial));
  }
  std::sort(serials.begin(), serials.end());
  return Error(Code::device_ambiguous, "there is more than one YubiKey: " + join(serials, ", "),
               "name one by its serial number", {{"serials", join(serials, ",")}});
}

bool is_reading(const Workers& workers) {
  return std::any_of(workers.begin(), workers.end(), [](const auto& worker) { return worker->is_reading(); });
}

/// Why one of them could not be read.
std::optional<Error> unreadable(const Workers& workers) {
  for (const auto& worker : workers) {
    if (auto why = worker->refused()) return why;
  }
  return std::nullopt;
}

void identify_unreadable(const Workers& workers) {
  for (const auto& worker : workers) {
    if (worker->refused()) worker->identify();
  }
}

}  // namespace

struct Cards::State {
  State() {
    watcher.run([this] { watch_readers(); });
  }
  ~State();
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void watch_readers();
  void update(const piv::Plugged& plugged, const std::optional<Error>& why_none);
  Workers take_removed(const std::vector<piv::PluggedReader>& readers);
  void add_new(const std::vector<piv::PluggedReader>& readers);
  void settle();
  bool place(Parked& parked);
  bool retry(Parked& parked) const;
  bool refuse(const Parked& parked, const Error& why) const;
  bool is_busy() const;
  Json devices() const;

  mutable std::mutex mutex;  // taken before a worker's own
  std::condition_variable done;
  std::list<Parked> parked;
  std::list<Reply> discoveries;  // that wait for the first look at what is there
  std::optional<Error> refused;  // by pcscd
  bool pcscd = false, began = false, stopped = false;
  Workers workers;
  piv::ReaderWatch watch;
  Worker watcher;  // ends first
};

Cards::State::~State() {
  watch.stop();
  Workers ended;  // joined without the lock, which their threads take
  const std::lock_guard lock(mutex);
  stopped = true;
  ended.swap(workers);
}

void Cards::State::watch_readers() {
  while (!watch.stopped()) {
    try {
      update(watch.wait(), std::nullopt);
    } catch (const Error& error) {
      log::warning(error.what());
      update({}, error);
    }
  }
}

/// Those that are not plugged in any more.
Workers Cards::State::take_removed(const std::vector<piv::PluggedReader>& readers) {
  Workers removed;
  for (auto at = workers.begin(); at != workers.end();) {
    const auto one = at++;
    const bool there = std::find(readers.begin(), readers.end(), (*one)->reader()) != readers.end();
    if (!there) removed.splice(removed.end(), workers, one);
  }
  return removed;
}

void Cards::State::add_new(const std::vector<piv::PluggedReader>& readers) {
  for (const piv::PluggedReader& reader : readers) {
    const bool known =
        std::any_of(workers.begin(), workers.end(), [&](const auto& worker) { return worker->reader() == reader; });
    if (!known) workers.push_back(std::make_unique<CardWorker>(reader, [this] { settle(); }));
  }
}

void Cards::State::update(const piv::Plugged& plugged, const std::optional<Error>& why_none) {
  Workers removed;
  {
    const std::lock_guard lock(mutex);
    if (stopped) return;
    began = !plugged.pcscd || (pcscd && began);  // without pcscd there is nothing to wait for
    pcscd = plugged.pcscd;
    refused = why_none;
    for (Parked& one : parked) one.looked = true;
    removed = take_removed(plugged.readers);
    add_new(plugged.readers);
  }
  for (const auto& worker : removed) {
    log::info(worker->reader().name + ": pulled out");
    worker->refuse_queued(removed_from(worker->reader().name));
  }
  settle();
}  // what still runs for those that were removed ends soon, and is waited for

/// Something has become known: who waits for it goes on.
void Cards::State::settle() {
  const std::lock_guard lock(mutex);
  began = began || !is_reading(workers);
  if (began) {
    for (const Reply& reply : discoveries) reply.json(devices());
    discoveries.clear();
  }
  parked.remove_if([this](Parked& one) { return place(one); });
  done.notify_all();
}

bool Cards::State::refuse(const Parked& parked_one, const Error& why) const {
  parked_one.task.reply.error(why);
  return true;
}

/// Once: whether keys that could not be read are being tried again.
bool Cards::State::retry(Parked& one) const {
  if (one.retried || !unreadable(workers)) return false;
  identify_unreadable(workers);
  return one.retried = true;
}

/// Gives it to a worker, or answers it. @return false: it must wait
bool Cards::State::place(Parked& one) {
  if (stopped) return refuse(one, stopping(Outcome::known));
  if (!pcscd && !one.looked) return watch.look_again(), false;
  if (!pcscd) return refuse(one, refused ? *refused : not_found(one.task.serial));
  const std::string& serial = one.task.serial;
  CardWorker* found = nullptr;
  for (const auto& worker : workers) {
    const bool fits =
        !worker->is_reading() && !worker->refused() && (serial.empty() || worker->seen().serial == serial);
    if (fits && found != nullptr) return refuse(one, ambiguous(workers));
    if (fits) found = worker.get();
  }
  const bool all_count = serial.empty() || found == nullptr;  // any other might be meant
  if (all_count && (is_reading(workers) || retry(one))) return false;
  if (serial.empty() && workers.size() > 1) return refuse(one, ambiguous(workers));
  if (found == nullptr) return refuse(one, unreadable(workers).value_or(not_found(serial)));
  found->run(std::move(one.task));
  return true;
}

bool Cards::State::is_busy() const {
  return is_reading(workers) ||
         std::any_of(workers.begin(), workers.end(), [](const auto& worker) { return worker->is_busy(); });
}

Json Cards::State::devices() const {
  std::vector<agent::DiscoveredDevice> list;
  for (const auto& worker : workers) list.push_back(worker->seen());
  return agent::to_json(list);
}

Cards::Cards() : state_(std::make_unique<State>()) {}
Cards::~Cards() = default;

void Cards::discover(const Reply& reply) {
  const std::lock_guard lock(state_->mutex);
  if (state_->stopped) return reply.error(stopping(Outcome::known));
  if (!state_->pcscd) {
    state_->began = false;
    state_->watch.look_again();
  }
  if (!state_->began) return state_->discoveries.push_back(reply);
  reply.json(state_->devices());
  identify_unreadable(state_->workers);  // for the next one who asks
}

bool Cards::has_pcscd() const {
  const std::lock_guard lock(state_->mutex);
  return state_->pcscd;
}

std::vector<std::string> Cards::touched() const {
  const std::lock_guard lock(state_->mutex);
  std::vector<std::string> serials;
  for (const auto& worker : state_->workers) {
    if (const auto seen = worker->seen(); seen.touch) serials.push_back(seen.serial);
  }
  return serials;
}

void Cards::run(CardTask task) {
  const std::lock_guard lock(state_->mutex);
  Parked one{std::move(task)};
  if (!state_->place(one)) state_->parked.push_back(std::move(one));
}

bool Cards::stop(std::chrono::milliseconds limit) {
  std::unique_lock lock(state_->mutex);
  state_->stopped = true;
  for (const Parked& one : state_->parked) one.task.reply.error(stopping(Outcome::known));
  for (const Reply& reply : state_->discoveries) reply.error(stopping(Outcome::known));
  state_->parked.clear();
  state_->discoveries.clear();
  for (const auto& worker : state_->workers) worker->refuse_queued(stopping(Outcome::known));
  if (state_->done.wait_for(lock, limit, [this] { return !state_->is_busy(); })) return true;
  for (const auto& worker : state_->workers) worker->answer_running(stopping(Outcome::unknown));
  return false;
}

}  // namespace ymgr::agentd
