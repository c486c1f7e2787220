// Linked with failpoint_on.cpp, as the failpoint build of ymgr is.
#include "base/failpoint.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "support/thrown.hpp"

using namespace ymgr;

namespace {

// Counts and armed failpoints are for a whole process: each case has one of its own. Returns its wait status.
int in_child(const std::function<int()>& body) {
  std::fflush(nullptr);  // or the child writes our buffers again
  const pid_t child = fork();
  if (child == 0) std::exit(body());
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return status;
}

bool passed(int status) {
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void arm(const char* spec) {
  setenv("YMGR_FAILPOINT", spec, 1);
  arm_failpoints();
}

}  // namespace

TEST_CASE("kill@N kills at the N-th call") {
  const TemporaryFolder folder("ymgr-test");
  const int status = in_child([&] {
    arm("kill@3");
    for (int call = 1; call <= 5; ++call) {
      write_file(folder.path() + "/reached", std::to_string(call));
      failpoint("step", "before");
    }
    return 0;
  });
  CHECK((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
  CHECK(read_file(folder.path() + "/reached") == "3");
}

TEST_CASE("error@N is unreachable, its outcome unknown after an effect only") {
  for (const char* where : {"before", "after", "marked"}) {
    CHECK(passed(in_child([where] {
      arm("error@1");
      const auto error = thrown([&] { failpoint("issued", where); });
      const bool unknown = std::string_view(where) == "after";
      return error && error->code() == Code::injected && error->retryable() && error->outcome_unknown() == unknown ? 0
                                                                                                                   : 1;
    })));
  }
}

TEST_CASE("full@N is a full disk") {
  CHECK(passed(in_child([] {
    arm("full@2");
    failpoint("a", "before");
    return code_of([] { failpoint("a", "after"); }) == Code::disk_unusable ? 0 : 1;
  })));
}

TEST_CASE("several failpoints are armed at once, and calls between them pass") {
  CHECK(passed(in_child([] {
    arm("error@2,full@4");
    const std::optional<Code> want[] = {std::nullopt, Code::injected, std::nullopt, Code::disk_unusable, std::nullopt};
    for (const auto& code : want) {
      if (code_of([] { failpoint("a", "before"); }) != code) return 1;
    }
    return 0;
  })));
}

TEST_CASE("calls are counted across threads and written at the end") {
  const TemporaryFolder folder("ymgr-test");
  const std::string path = folder.path() + "/count";
  CHECK(passed(in_child([&] {
    setenv("YMGR_FAILPOINT_COUNT", path.c_str(), 1);
    arm_failpoints();
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([] {
        for (int call = 0; call < 100; ++call) failpoint("a", "before");
      });
    }
    return 0;
  })));
  CHECK(read_file(path) == "failpoints: 400\n");
}

TEST_CASE("the test clock starts from the given time and goes on") {
  CHECK(passed(in_child([] {
    setenv("YMGR_TEST_CLOCK", "2031-05-06T07:08:09Z", 1);
    arm_failpoints();
    const Time begin = parse_time("2031-05-06T07:08:09Z"), first = now();
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    return first >= begin && first < begin + std::chrono::hours(1) && now() > first ? 0 : 1;
  })));
}

TEST_CASE("a failpoint that cannot be read is refused, not ignored") {
  for (const char* spec :
       {"", "kill", "kill@", "kill@0", "kill@-1", "kill@x", "stop@1", "kill@1,", "kill@1@2", "kill @1"}) {
    CAPTURE(spec);
    CHECK(passed(in_child([spec] { return code_of([spec] { arm(spec); }) == Code::usage ? 0 : 1; })));
  }
}
