#include "agentd/piv/side_call.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <memory>
#include <stdexcept>

using ymgr::piv::SideCall;

namespace {

pid_t caller_of_a_side_call() {
  pid_t caller = 0;
  SideCall call([&] { caller = ::gettid(); });
  call.finish();
  return caller;
}

}  // namespace

TEST_CASE("a side call is made by another thread, and the next by the same") {
  const pid_t caller = caller_of_a_side_call();
  CHECK(caller != ::gettid());
  CHECK(caller_of_a_side_call() == caller);
}

TEST_CASE("what a side call throws is thrown where it is waited for, and not by the next") {
  {
    SideCall call([] { throw std::runtime_error("no card"); });
    CHECK_THROWS_WITH(call.finish(), "no card");
  }
  CHECK(caller_of_a_side_call() != 0);
}

TEST_CASE("what a side call captured is gone when it is done") {
  const auto held = std::make_shared<int>(0);
  SideCall call([held] {});
  call.finish();
  CHECK(held.use_count() == 1);
}

TEST_CASE("a side call that was left goes on alone, and the next is made by another thread") {
  int ends[2] = {};
  REQUIRE(::pipe(ends) == 0);
  const pid_t before = caller_of_a_side_call();
  {
    SideCall call([end = ends[0]] {
      char byte = 0;
      [[maybe_unused]] const ssize_t read = ::read(end, &byte, 1);
      ::close(end);
    });
    CHECK_FALSE(call.done_within(std::chrono::milliseconds(0)));
    call.leave();
  }
  CHECK(caller_of_a_side_call() != before);
  CHECK(::write(ends[1], "x", 1) == 1);
  ::close(ends[1]);
}
