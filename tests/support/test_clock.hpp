// A clock that tests set; the wall clock again afterwards.
#pragma once
#include "base/clock.hpp"

namespace ymgr::test {

class TestClock {
 public:
  explicit TestClock(Time start) {
    at() = start;
    set_clock([] { return at(); });
  }
  ~TestClock() { set_clock(nullptr); }
  TestClock(const TestClock&) = delete;
  TestClock& operator=(const TestClock&) = delete;
  void go(Duration by) { at() += by; }
  void set(Time time) { at() = time; }

 private:
  static Time& at() {
    static Time time;
    return time;
  }
};

}  // namespace ymgr::test
