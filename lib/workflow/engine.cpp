#include "workflow/engine.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <variant>

#include "base/ids.hpp"
#include "base/text.hpp"
#include "base/workers.hpp"
#include "workflow/operation.hpp"

namespace ymgr {
namespace {

struct Park {
  std::size_t position;
};
struct Stop {
  std::size_t position;
  std::string target;
  Error error;
};
using Entry = std::variant<Mark, Park, Stop>;

std::string_view status_text(Item::Status status) {
  switch (status) {
    case Item::Status::open: return "open";
    case Item::Status::waiting: return "waiting";
    case Item::Status::done: return "done";
    case Item::Status::failed: return "failed";
  }
  return "open";
}

/// Writes entries in one transaction, on the command's own thread.
class Committer {
 public:
  Committer(Workbench& bench, std::string request_id) : bench_(bench), request_id_(std::move(request_id)) {}

  void commit(const std::vector<Entry>& entries) {
    const TraceSpan span("commit");
    if (bench_.tend) bench_.tend();
    bench_.db.transaction(sql::Access::write, [&] {
      operations::keep_lease(bench_, request_id_);
      std::map<std::size_t, const Mark*> last;  // several marks of an item in one group need one update
      for (const auto& entry : entries)
        if (const auto* mark = std::get_if<Mark>(&entry)) last[mark->position] = mark;
      write_marks(last);
      std::vector<audit::Event> events;
      inventory::DeniedKeys denied_keys(bench_.db);
      for (const auto& entry : entries) {
        if (const auto* mark = std::get_if<Mark>(&entry))
          write(*mark, denied_keys, events);
        else if (const auto* stop = std::get_if<Stop>(&entry))
          write(*stop, events);
        else
          set_status("waiting", Json(), std::get<Park>(entry).position);
      }
      audit::append(bench_.db, bench_.session.identity().user, events, bench_.head_signer);
    });
  }

 private:
  void write_marks(const std::map<std::size_t, const Mark*>& marks) {
    static constexpr std::string_view columns[] = {"request_id", "position", "status",    "state",
                                                   "data",       "error",    "updated_at"};
    constexpr std::size_t keys = 2;
    const auto at = to_micros(now());
    auto next = marks.begin();
    bench_.db.update_many("operation_items", columns, keys, [&](std::span<sql::Value> row) {
      if (next == marks.end()) return false;
      const auto& [position, mark] = *next++;
      row[0] = request_id_;
      row[1] = static_cast<std::int64_t>(position);
      row[2] = status_text(mark->status);
      row[3] = mark->state;
      row[4] = mark->data;
      row[5] = sql::Value();
      row[6] = at;
      return true;
    });
  }

  void write(const Mark& mark, inventory::DeniedKeys& denied_keys, std::vector<audit::Event>& events) {
    Recording recording{bench_.db,       bench_.authority, denied_keys, request_id_, bench_.session.identity().user,
                        bench_.self.host};
    if (mark.record) mark.record(recording);
    events.push_back({request_id_, mark.state, mark.target, std::move(recording.audit)});
  }

  void write(const Stop& stop, std::vector<audit::Event>& events) {
    const Json error = failure_json(stop.error);
    set_status(stop.error.retryable() ? "open" : "failed", error, stop.position);
    events.push_back({request_id_, stop.error.retryable() ? "stopped" : "failed", stop.target, error});
  }

  void set_status(std::string_view status, const Json& error, std::size_t position) {
    const std::string text = error.is_null() ? std::string() : dump_json(error);
    const sql::Value value = error.is_null() ? sql::Value() : sql::Value(std::string_view(text));
    bench_.db.later(
        "UPDATE operation_items SET status = $1, error = $2, updated_at = $3 WHERE request_id = $4 AND position = $5",
        {status, value, to_micros(now()), request_id_, static_cast<std::int64_t>(position)});
  }

  Workbench& bench_;
  std::string request_id_;
};

/// A single item: everything happens on the command's thread.
class InlineJournal : public Journal {
 public:
  explicit InlineJournal(Committer& committer) : committer_(committer) {}
  void mark(Mark mark) override { entries_.emplace_back(std::move(mark)); }
  void park(std::size_t position) override { entries_.emplace_back(Park{position}); }
  void stop(std::size_t position, const std::string& target, const Error& error) override {
    entries_.emplace_back(Stop{position, target, error});
  }
  void flush() override {
    if (entries_.empty()) return;
    const auto entries = std::move(entries_);
    entries_.clear();
    committer_.commit(entries);
  }
  bool failed() const noexcept override { return false; }  // whose flush failed has ended: nobody else is at work

 private:
  Committer& committer_;
  std::vector<Entry> entries_;
};

/// No server that could do it answered for as long as an item waits. An answer that got lost tells nothing: the next may come.
bool is_silence(const Error& error) {
  static constexpr Code codes[] = {Code::vault_unreachable, Code::vault_untrusted, Code::vault_sealed,
                                   Code::vault_uninitialised, Code::vault_standby};
  return !error.outcome_unknown() && std::ranges::find(codes, error.code()) != std::end(codes);
}

/// Steps in which the last items got no answer, of all workers.
class Silences {
 public:
  void require_none(std::string_view state) {
    if (!any_) return;
    const std::lock_guard lock(mutex_);
    const auto found = steps_.find(state);
    if (found != steps_.end() && found->second.items >= hopeless) throw Error(*found->second.last);
  }

  void note(std::string_view state, const Error* failure) {
    if (failure ? !is_silence(*failure) : !any_) return;
    const std::lock_guard lock(mutex_);
    if (failure) {
      auto& step = steps_[std::string(state)];
      ++step.items;
      step.last = *failure;
    } else if (const auto found = steps_.find(state); found != steps_.end()) {
      steps_.erase(found);
    }
    any_ = !steps_.empty();
  }

 private:
  static constexpr int hopeless = 3;
  struct Step {
    int items = 0;  // in a row
    std::optional<Error> last;
  };
  std::atomic<bool> any_{false};
  std::mutex mutex_;
  std::map<std::string, Step, std::less<>> steps_;
};

/// Between workers and the command's thread.
class SharedJournal : public Journal {
 public:
  SharedJournal(Committer& committer, std::size_t total, Notices& notices)
      : committer_(committer), total_(total), notices_(notices) {}

  void mark(Mark mark) override { push(std::move(mark)); }
  void park(std::size_t position) override { push(Park{position}); }
  void stop(std::size_t position, const std::string& target, const Error& error) override {
    push(Stop{position, target, error});
  }

  void flush() override {
    std::unique_lock lock(mutex_);
    const auto wanted = queued_;
    if (wanted > committed_ && !failure_) {
      wanted_ = std::max(wanted_, wanted);
      work_.notify_one();
      done_.wait(lock, [&] { return committed_ >= wanted || failure_; });
    }
    if (failure_) throw Error(*failure_);
  }

  void worker_done() {
    const std::lock_guard lock(mutex_);
    --workers_;
    work_.notify_one();
  }

  bool failed() const noexcept override { return failed_; }
  void require_answers(std::string_view state) override { silences_.require_none(state); }
  void note_answer(std::string_view state, const Error* failure) override { silences_.note(state, failure); }

  /// Commits until the workers are done, or until it fails: then they learn it at their next flush.
  void serve(std::size_t workers) {
    std::unique_lock lock(mutex_);
    workers_ += workers;  // worker_done may have been called already
    try {
      serve_locked(lock);
    } catch (const std::exception& error) {
      if (!lock.owns_lock()) lock.lock();
      const auto* known = dynamic_cast<const Error*>(&error);
      failure_ = known ? *known : Error(Code::internal, std::string("the journal can't be written: ") + error.what());
      failed_ = true;
      done_.notify_all();
      throw Error(*failure_);
    }
  }

 private:
  static constexpr std::size_t group_limit = 400;

  void push(Entry entry) {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(entry));
    ++queued_;
    if (queue_.size() >= group_limit) work_.notify_one();
  }

  void serve_locked(std::unique_lock<std::mutex>& lock) {
    while (workers_ > 0 || !queue_.empty()) {
      const bool woken = work_.wait_for(lock, operations::lease_time / 3, [&] {
        return workers_ == 0 || wanted_ > committed_ || queue_.size() >= group_limit;
      });
      if (!queue_.empty() || !woken) commit(lock);
    }
  }

  void commit(std::unique_lock<std::mutex>& lock) {
    const std::vector<Entry> entries(std::make_move_iterator(queue_.begin()), std::make_move_iterator(queue_.end()));
    queue_.clear();
    lock.unlock();
    committer_.commit(entries);
    for (const auto& entry : entries) {
      const auto* mark = std::get_if<Mark>(&entry);
      if (std::holds_alternative<Stop>(entry) || (mark && mark->status == Item::Status::done)) ++ended_;
    }
    notices_.progress(ended_, total_);
    lock.lock();
    committed_ += entries.size();
    done_.notify_all();
  }

  Committer& committer_;
  const std::size_t total_;
  Notices& notices_;
  std::size_t ended_ = 0;
  std::mutex mutex_;
  std::condition_variable work_, done_;
  std::deque<Entry> queue_;
  std::size_t queued_ = 0, committed_ = 0, wanted_ = 0;
  std::size_t workers_ = 0;  // wraps below zero while serve has not begun
  std::optional<Error> failure_;
  std::atomic<bool> failed_{false};
  Silences silences_;
};

/// What a worker takes next: less and less, so that no one is left with much when the others have ended.
class Chunks {
 public:
  Chunks(std::size_t count, std::size_t workers) : count_(count), share_(workers * 3) {}

  std::pair<std::size_t, std::size_t> next() {
    const std::lock_guard lock(mutex_);
    const auto begin = begin_;
    begin_ += std::min(std::clamp<std::size_t>((count_ - begin) / share_, 2, 50), count_ - begin);
    return {begin, begin_};
  }

 private:
  const std::size_t count_, share_;
  std::mutex mutex_;
  std::size_t begin_ = 0;
};

}  // namespace

namespace engine {

void distribute(Workbench& bench, const std::string& request_id, std::size_t count, std::size_t workers,
                const std::function<void(std::size_t, std::size_t, std::size_t, Journal&)>& run,
                const std::function<void(std::size_t)>& finish) {
  Committer committer(bench, request_id);
  if (count <= 1) {
    InlineJournal journal(committer);
    if (count == 1) run(0, 0, 1, journal);
    journal.flush();
    finish(0);
    return;
  }
  SharedJournal journal(committer, count, bench.notices);
  Chunks chunks(count, workers);
  run_workers(
      workers,
      [&](std::size_t worker) {
        struct Done {
          SharedJournal& journal;
          ~Done() { journal.worker_done(); }
        } const done{journal};
        const CryptoThread crypto;
        struct Finish {
          const std::function<void(std::size_t)>& call;
          std::size_t worker;
          ~Finish() { call(worker); }
        } const finished{finish, worker};
        while (!journal.failed()) {
          const auto [begin, end] = chunks.next();
          if (begin == end) break;
          run(worker, begin, end, journal);
        }
      },
      [&] { journal.serve(workers); });
}

}  // namespace engine

namespace {

std::string with_resume(std::string hint, const std::string& resume) {
  if (hint.find(resume) != std::string::npos) return hint;
  while (hint.ends_with('.')) hint.pop_back();
  const bool is_enough = hint.find("command again") != std::string::npos;
  return hint + (hint.empty() ? "" : is_enough ? ", or " : "; then ") + resume;
}

}  // namespace

Error of_operation(const Error& error, const std::string& request_id) {
  auto details = error.details();
  if (!error.detail("audit_reference")) details.emplace_back("audit_reference", request_id);
  std::string hint = error.hint();
  if (error.code() != Code::operation_running && !error.detail("resume_id")) {
    details.emplace_back("resume_id", resume_id(request_id));
    hint = with_resume(std::move(hint), "ymgr resume " + shell_quote(resume_id(request_id)));
  }
  return Error(error.code(), error.what(), std::move(hint), std::move(details),
               error.outcome_unknown() ? Outcome::unknown : Outcome::known);
}

int batch_exit(std::span<const int> exits) noexcept {
  if (exits.empty()) return 0;
  const bool equal = std::adjacent_find(exits.begin(), exits.end(), std::not_equal_to<>()) == exits.end();
  return equal ? exits.front() : 9;
}

}  // namespace ymgr
