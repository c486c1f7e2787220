// The Orchestrator's engine: one way to do a workflow. A workflow is a table of steps; the engine runs a step over a chunk of
// items, marks what is done, and holds the failpoints, so that a new step is covered the day it is written.
#pragma once
#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/failpoint.hpp"
#include "base/interrupt.hpp"
#include "base/json.hpp"
#include "base/trace.hpp"
#include "inventory/inventory.hpp"
#include "sql/connection.hpp"
#include "workflow/workbench.hpp"
#include "x509/key.hpp"

namespace ymgr {

enum class Attempt { first, again };             // again: resumed or answer lost: look before doing
enum class Durability { grouped, before_next };  // before_next: on disk before the next step that has work begins
enum class Progress { done, waiting };           // waiting: card absent, approval missing; parked, no error

/// What a step's record function may do: write rows in the transaction of the mark, on the command's own thread.
struct Recording {
  sql::Connection& db;
  Authority& authority;
  inventory::DeniedKeys& denied_keys;
  const std::string &request_id, &actor, &host;
  Json audit = Json::object();  // becomes the data of the step's audit event
};
using Record = std::function<void(Recording&)>;

/// What every item of an operation has; workflows derive theirs from it and add `Json journal() const`, which must hold no
/// secret in clear.
struct Item {
  enum class Status { open, waiting, done, failed };
  std::size_t position = 0;
  std::string target;             // certificate name or card serial
  std::string state = "planned";  // of the last step done; journals keep it, so it is never renamed
  Status status = Status::open;
  Attempt attempt = Attempt::first;
  std::optional<Error> error;  // of the step that stopped it
};

/// `run` touches only the item and ports, on a worker. Run twice with Attempt::again = run once. `record`, if any, is asked
/// right after it for what the command's thread writes with the mark; it captures copies. A step that must record something
/// although it fails sets the item's status to failed, with its error and a state of its own, and returns done.
template <class I, class Ports>
struct Step {
  const char* state;  // what JSON shows when the step is done ("csr_created")
  Durability durability;
  Progress (*run)(I&, Ports&, Attempt);
  Record (*record)(const I&) = nullptr;
  bool (*has_work)(const I&) = nullptr;  // false: for this item the step changes nothing outside the journal
};

struct Mark {
  std::size_t position = 0;
  std::string target, state, data;
  Item::Status status = Item::Status::open;
  Record record;
};

/// Workers queue marks, the command's own thread commits them in groups.
class Journal {
 public:
  virtual ~Journal() = default;
  /// Item state, item data, the step's rows and the audit event `state`, all in one transaction, some time later.
  virtual void mark(Mark) = 0;
  /// Parked, no error.
  virtual void park(std::size_t position) = 0;
  /// What may work later (Error::retryable) stays open; anything else: failed. An audit event says so.
  virtual void stop(std::size_t position, const std::string& target, const Error&) = 0;
  /// Returns once everything marked before by this thread is committed. @throws Error when it can't be
  virtual void flush() = 0;
  /// A commit has failed: nothing more will be, and flush() throws. Work done now could not be recorded.
  virtual bool failed() const noexcept = 0;
  /// Before an item's step. @throws Error the last item's, when in that step several in a row have found no server that answers
  virtual void require_answers(std::string_view /*state*/) {}
  /// After it, with what it threw, if anything.
  virtual void note_answer(std::string_view /*state*/, const Error* /*failure*/) {}
};

namespace engine {

/// Runs `body` for one item; an Error ends the item, not the batch.
template <class I>
void guard(I& item, Journal& journal, const std::function<void()>& body) {
  try {
    throw_if_interrupted();
    body();
  } catch (const Error& error) {
    item.error = error;
    if (!error.retryable()) item.status = Item::Status::failed;
    journal.stop(item.position, item.target, error);
  }
}

template <class I>
bool is_running(const I& item) {
  return item.status == Item::Status::open && !item.error;
}

/// Each item waits for a server until its time is up; many of a batch must not do so one after the other.
template <class I, class Ports>
Progress attempt_step(I& item, const Step<I, Ports>& step, Ports& ports, Journal& journal) {
  journal.require_answers(step.state);
  try {
    const auto progress = step.run(item, ports, item.attempt);
    journal.note_answer(step.state, nullptr);
    return progress;
  } catch (const Error& error) {
    journal.note_answer(step.state, &error);
    throw;
  }
}

template <class I, class Ports>
void run_step(I& item, const Step<I, Ports>& step, bool last, Ports& ports, Journal& journal) {
  failpoint(step.state, "before");
  const TraceSpan span(step.state);
  if (attempt_step(item, step, ports, journal) == Progress::waiting) {
    item.status = Item::Status::waiting;
    return journal.park(item.position);
  }
  failpoint(step.state, "after");
  const bool given_up = item.status == Item::Status::failed;
  if (!given_up) item.state = step.state;
  if (last && !given_up) item.status = Item::Status::done;
  journal.mark({item.position, item.target, item.state, dump_json(item.journal()), item.status,
                step.record ? step.record(item) : Record{}});
  if (given_up && item.error) journal.stop(item.position, item.target, *item.error);
}

/// Puts on disk what this chunk has marked. false: it can't be, and nothing of it is known to be there: every item goes back to
/// `committed`, the state that its journal had last.
template <class I>
bool flush_chunk(std::span<I> items, std::vector<std::string>& committed, Journal& journal) {
  try {
    journal.flush();
  } catch (const Error& error) {
    for (std::size_t i = 0; i < items.size(); ++i) {
      items[i].state = committed[i];
      if (items[i].status == Item::Status::waiting) continue;
      if (items[i].status == Item::Status::done) items[i].status = Item::Status::open;
      if (!items[i].error) items[i].error = error;
    }
    return false;
  }
  for (std::size_t i = 0; i < items.size(); ++i) committed[i] = items[i].state;
  return true;
}

/// Runs a chunk of items through the first `until` steps, step by step, each from where it stood; never throws for an item's
/// own error.
template <class I, class Ports>
void run_chunk(std::span<I> items, std::span<const Step<I, Ports>> steps, std::size_t until, Ports& ports,
               Journal& journal) {
  std::vector<std::size_t> next(items.size(), 0);
  std::vector<std::string> committed;
  for (const auto& item : items) committed.push_back(item.state);
  for (std::size_t i = 0; i < items.size(); ++i)
    for (std::size_t s = 0; s < steps.size(); ++s)
      if (items[i].state == steps[s].state) next[i] = s + 1;
  bool flush_owed = false;
  for (std::size_t s = 0; s < until; ++s) {
    const auto runs = [&](std::size_t i) { return next[i] <= s && is_running(items[i]); };
    const auto works = [&](std::size_t i) { return runs(i) && (!steps[s].has_work || steps[s].has_work(items[i])); };
    for (std::size_t i = 0; flush_owed && i < items.size(); ++i) {
      if (!works(i)) continue;
      if (!flush_chunk(items, committed, journal)) return;
      flush_owed = false;
    }
    for (std::size_t i = 0; i < items.size(); ++i)
      if (runs(i) && !journal.failed())
        guard(items[i], journal, [&] { run_step(items[i], steps[s], s + 1 == steps.size(), ports, journal); });
    if ((journal.failed() || s + 1 == until) && !flush_chunk(items, committed, journal)) return;
    flush_owed = flush_owed || steps[s].durability == Durability::before_next;
    for (std::size_t i = 0; i < items.size(); ++i)
      if (runs(i)) guard(items[i], journal, [&] { failpoint(steps[s].state, "marked"); });
  }
}

/// Spreads `count` items over workers in chunks of up to 50 and commits their marks meanwhile; a single item runs on the
/// caller's thread.
/// @param run     runs items [begin, end) on worker `worker` with that journal
/// @param finish  called on the worker's thread after its last item: drops what was made under its OpenSSL context
void distribute(Workbench&, const std::string& request_id, std::size_t count, std::size_t workers,
                const std::function<void(std::size_t worker, std::size_t begin, std::size_t end, Journal&)>& run,
                const std::function<void(std::size_t worker)>& finish);

}  // namespace engine

/// The same failure with the way on: audit_reference and, unless another process has the operation, resume_id.
Error of_operation(const Error&, const std::string& request_id);
/// Runs `body`; an Error that ends it names the operation that it leaves half done.
template <class Body>
auto within_operation(const std::string& request_id, Body&& body) {
  try {
    return body();
  } catch (const Error& error) {
    throw of_operation(error, request_id);
  }
}

/// The exit status of a whole batch from those of its items: 0, the one reason they share, else 9.
int batch_exit(std::span<const int> exits) noexcept;

inline constexpr std::size_t all_steps = static_cast<std::size_t>(-1);

/// Runs the open items of an operation that this process holds. `open_ports` is called on this thread, once a worker.
/// `until`: only so many of the steps, for all items, since something must happen before the next; another call goes on there.
/// @throws Error what kept many items from being recorded, with resume_id; a single item keeps its own
template <class I, class Ports>
void run_items(Workbench& bench, const std::string& request_id, std::vector<I>& items,
               std::span<const Step<I, Ports>> steps, const std::function<std::unique_ptr<Ports>()>& open_ports,
               std::size_t until = all_steps) {
  if (items.empty()) return;
  until = std::min(until, steps.size());
  const std::size_t workers = std::min(std::max<std::size_t>(bench.jobs, 1), items.size());
  within_operation(request_id, [&] {
    std::vector<std::unique_ptr<Ports>> ports;
    for (std::size_t w = 0; w < workers; ++w) {
      bench.stores.next_worker(items.size() <= 1);  // a single item runs on this thread
      ports.push_back(open_ports());
    }
    bench.stores.next_worker(true);  // nothing of a worker's outlives its thread
    engine::distribute(
        bench, request_id, items.size(), workers,
        [&](std::size_t worker, std::size_t begin, std::size_t end, Journal& journal) {
          engine::run_chunk(std::span(items).subspan(begin, end - begin), steps, until, *ports[worker], journal);
        },
        [&](std::size_t worker) { ports[worker].reset(); });
  });
}

}  // namespace ymgr
