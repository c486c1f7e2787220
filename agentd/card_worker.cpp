#include "agentd/card_worker.hpp"

#include "agentd/log.hpp"

namespace ymgr::agentd {
namespace {

constexpr std::chrono::milliseconds identity_wait{2000};  // for another program that holds the card

agent::DeviceState state_after(const Error& error) {
  return error.code() == Code::device_busy ? agent::DeviceState::busy : agent::DeviceState::failed;
}

/// What was changed before the error stays changed.
[[noreturn]] void rethrow(const Error& error, const piv::Card& card) {
  const Outcome outcome = error.outcome_unknown() || card.changed() ? Outcome::unknown : Outcome::known;
  throw Error(error.code(), error.what(), error.hint(), error.details(), outcome);
}

}  // namespace

CardWorker::CardWorker(piv::PluggedReader reader, std::function<void()> changed)
    : reader_(std::move(reader)), changed_(std::move(changed)) {
  seen_.reader = reader_.name;
  identify();
}

CardWorker::~CardWorker() = default;

agent::DiscoveredDevice CardWorker::seen() const {
  const std::lock_guard lock(mutex_);
  return seen_;
}

bool CardWorker::is_reading() const {
  const std::lock_guard lock(mutex_);
  return reading_ > 0;
}

std::optional<Error> CardWorker::refused() const {
  const std::lock_guard lock(mutex_);
  return refused_;
}

bool CardWorker::is_busy() const {
  const std::lock_guard lock(mutex_);
  return running_ || !tasks_.empty();
}

void CardWorker::identify() {
  {
    const std::lock_guard lock(mutex_);
    ++reading_;
    refused_.reset();
    if (seen_.serial.empty()) seen_.state = agent::DeviceState::busy;
  }
  worker_.run([this] { read_identity(); });
}

void CardWorker::read_identity() {
  agent::DiscoveredDevice seen{{}, reader_.name, {}, {}, agent::DeviceState::ready, false, {}};
  std::optional<Error> refused;
  try {
    piv::OpenOptions wait;
    wait.busy_wait = identity_wait;
    piv::Card card = piv::Card::open(reader_.name, std::move(wait));
    seen.serial = card.serial();
    seen.firmware = card.firmware();
    seen.form_factor = card.form_factor();
  } catch (const Error& error) {
    seen.state = state_after(error);
    seen.error = error.what();
    refused = error;
  }
  log::info(reader_.name + ": " + (refused ? refused->what() : "YubiKey " + seen.serial));
  {
    const std::lock_guard lock(mutex_);
    seen_ = seen;
    refused_ = refused;
    --reading_;
  }
  changed_();
}

void CardWorker::run(CardTask task) {
  {
    const std::lock_guard lock(mutex_);
    if (ended_) return task.reply.error(*ended_);
    tasks_.push_back(std::move(task));
  }
  worker_.run([this] { work(); });
}

void CardWorker::refuse_queued(const Error& why) {
  std::deque<CardTask> refused;
  {
    const std::lock_guard lock(mutex_);
    ended_ = why;
    refused.swap(tasks_);
  }
  for (const CardTask& task : refused) task.reply.error(why);
}

void CardWorker::answer_running(const Error& why) {
  const std::lock_guard lock(mutex_);
  if (running_) running_->error(why);
}

void CardWorker::work() {
  std::optional<CardTask> task;
  {
    const std::lock_guard lock(mutex_);
    if (tasks_.empty()) return;  // it was refused
    task.emplace(std::move(tasks_.front()));
    tasks_.pop_front();
    running_ = task->reply;
  }
  answer(*task);
  task.reset();  // and its secrets
  {
    const std::lock_guard lock(mutex_);
    running_.reset();
  }
  changed_();
}

void CardWorker::answer(const CardTask& task) {
  try {
    const Json answer = perform(task);
    log::info(task.what + " on " + reader_.name + ": done");
    task.reply.json(answer);
  } catch (const Error& error) {
    log::info(task.what + " on " + reader_.name + ": " + std::string(info(error.code()).text));
    task.reply.error(error);
  } catch (const std::exception&) {
    task.reply.error(Error(Code::internal, "the operation failed", {}, {}, Outcome::unknown));
  }
}

/// The card is let go before the answer is given.
Json CardWorker::perform(const CardTask& task) {
  piv::Card card = piv::Card::open(reader_.name, options());
  if (!task.serial.empty() && card.serial() != task.serial) {
    throw Error(Code::device_not_found, "there is no YubiKey " + task.serial + " in " + reader_.name + " any more",
                "plug it in");
  }
  try {
    return task.run(card);
  } catch (const Error& error) {
    rethrow(error, card);
  }
}

piv::OpenOptions CardWorker::options() {
  piv::OpenOptions options;
  options.on_touch = [this] { set_touch(true); };
  options.on_touch_end = [this] { set_touch(false); };
  return options;
}

void CardWorker::set_touch(bool waiting) {
  const std::lock_guard lock(mutex_);
  seen_.touch = waiting;
}

}  // namespace ymgr::agentd
