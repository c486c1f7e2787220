// What works on the key in one reader, from the moment it is plugged in until it is pulled out.
#pragma once
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "agent/messages.hpp"
#include "agentd/endpoints.hpp"
#include "agentd/piv/card.hpp"
#include "agentd/piv/readers.hpp"
#include "base/workers.hpp"

namespace ymgr::agentd {

/// Something to do on a card. Exactly one answer is given.
struct CardTask {
  std::string serial;  // of the key it is for; empty: the only one there is
  std::string what;    // "alice: /piv/set-pin", for the log
  Reply reply;
  std::function<Json(piv::Card&)> run;  // on the worker's thread; gives the answer or throws Error
};

/// Reads the key's identity at once, on its own thread. Used from several threads.
class CardWorker {
 public:
  /// @param changed  called from the worker's thread after each thing that it did; must not end the worker
  CardWorker(piv::PluggedReader reader, std::function<void()> changed);
  /// Waits for what runs; see refuse_queued().
  ~CardWorker();
  CardWorker(const CardWorker&) = delete;
  CardWorker& operator=(const CardWorker&) = delete;

  const piv::PluggedReader& reader() const noexcept { return reader_; }
  agent::DiscoveredDevice seen() const;
  /// Its identity is being read.
  bool is_reading() const;
  /// Why it could not be read; nullopt: it was, or is being read.
  std::optional<Error> refused() const;
  /// Reads the identity anew.
  void identify();
  void run(CardTask task);
  /// Answers what has not begun, and what will be given to it from now on.
  void refuse_queued(const Error& why);
  /// Something runs or is queued.
  bool is_busy() const;
  /// Answers what runs, although it does.
  void answer_running(const Error& why);

 private:
  void read_identity();
  void work();
  void answer(const CardTask& task);
  Json perform(const CardTask& task);
  piv::OpenOptions options();
  void set_touch(bool waiting);

  const piv::PluggedReader reader_;
  const std::function<void()> changed_;
  mutable std::mutex mutex_;
  agent::DiscoveredDevice seen_;
  int reading_ = 0;
  std::optional<Error> refused_, ended_;
  std::deque<CardTask> tasks_;
  std::optional<Reply> running_;
  Worker worker_;  // ends first
};

}  // namespace ymgr::agentd
