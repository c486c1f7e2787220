#include "base/workers.hpp"

#include <pthread.h>

#include <atomic>
#include <csignal>
#include <future>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "base/notice.hpp"
#include "base/trace.hpp"
#include "support/thrown.hpp"

using namespace ymgr;

TEST_CASE("every worker runs once, on a thread of its own, while the caller serves") {
  std::mutex mutex;
  std::set<std::thread::id> threads;
  std::multiset<std::size_t> workers;
  std::thread::id served;
  run_workers(
      8,
      [&](std::size_t worker) {
        const std::lock_guard lock(mutex);
        threads.insert(std::this_thread::get_id());
        workers.insert(worker);
      },
      [&] { served = std::this_thread::get_id(); });
  CHECK(threads.size() == 8);
  CHECK(workers == std::multiset<std::size_t>{0, 1, 2, 3, 4, 5, 6, 7});
  CHECK(served == std::this_thread::get_id());
  CHECK_FALSE(threads.contains(served));
}

TEST_CASE("the caller waits for all, also when one fails, and sees the failure") {
  std::atomic<int> ended{0};
  const auto error = thrown([&] {
    run_workers(
        4,
        [&](std::size_t worker) {
          if (worker == 2) throw Error(Code::disk_unusable, "worker two");
          ++ended;
        },
        [] {});
  });
  REQUIRE(error);
  CHECK(std::string(error->what()) == "worker two");
  CHECK(ended == 3);
  CHECK(code_of([&] {
          run_workers(
              2, [&](std::size_t) { ++ended; }, [] { throw Error(Code::interrupted, "x"); });
        }) == Code::interrupted);
  CHECK(ended == 5);
}

TEST_CASE("without workers the caller serves alone") {
  bool served = false;
  run_workers(
      0, [](std::size_t) {}, [&] { served = true; });
  CHECK(served);
}

TEST_CASE("signals are blocked in workers and not in the caller") {
  const auto blocked = [] {
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    return sigismember(&mask, SIGINT) == 1;
  };
  std::atomic<bool> in_worker{false};
  bool in_caller = true;
  run_workers(
      1, [&](std::size_t) { in_worker = blocked(); }, [&] { in_caller = blocked(); });
  CHECK(in_worker);
  CHECK_FALSE(in_caller);
}

TEST_CASE("a worker runs jobs in their order on one thread, and its end waits for the one that runs") {
  std::string order;
  std::set<std::thread::id> threads;
  std::promise<void> last;
  {
    Worker opener, worker;
    for (const char c : {'a', 'b', 'c'}) worker.run([&, c] { order += c, threads.insert(std::this_thread::get_id()); });
    std::promise<void> begun;
    worker.run([&] {
      begun.set_value();
      last.get_future().wait();
      order += 'd';
    });
    begun.get_future().wait();
    opener.run([&] { last.set_value(); });
  }
  CHECK(order == "abcd");
  CHECK(threads.size() == 1);
  CHECK_FALSE(threads.contains(std::this_thread::get_id()));
}

TEST_CASE("there is at least one processor") {
  CHECK(processor_count() >= 1);
}

TEST_CASE("trace totals count spans of all threads by name") {
  run_workers(
      4,
      [](std::size_t) {
        for (int i = 0; i < 100; ++i) const TraceSpan span("test.many");
      },
      [] { const TraceSpan span("test.one"); });
  std::int64_t many = 0, one = 0;
  std::string before;
  for (const TraceTotal& total : trace_totals()) {
    CHECK(before < total.name);
    before = total.name;
    if (total.name == "test.many") many = total.calls;
    if (total.name == "test.one") one = total.calls;
    CHECK(total.microseconds >= 0);
  }
  CHECK(many == 400);
  CHECK(one == 1);
}

TEST_CASE("silent notices swallow everything") {
  no_notices().warn("x");
  no_notices().detail("x");
  no_notices().progress(1, 2);
  CHECK(&no_notices() == &no_notices());
}
