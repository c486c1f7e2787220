#include "base/interrupt.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <functional>

#include "support/thrown.hpp"

using namespace ymgr;

namespace {

// Signals are for the whole process: each case has one of its own. Returns its wait status.
int in_child(const std::function<int()>& body) {
  std::fflush(nullptr);  // or the child writes our buffers again
  const pid_t child = fork();
  if (child == 0) _exit(body());
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return status;
}

}  // namespace

TEST_CASE("the first signal is noted, and the work stops at the next question") {
  for (const int signal : {SIGINT, SIGTERM}) {
    const int status = in_child([signal] {
      catch_interrupts();
      if (interrupted() != 0 || code_of([] { throw_if_interrupted(); })) return 1;
      raise(signal);
      return interrupted() == signal && code_of([] { throw_if_interrupted(); }) == Code::interrupted ? 0 : 2;
    });
    CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
  }
}

TEST_CASE("the second signal, of either kind, ends the process") {
  for (const int second : {SIGINT, SIGTERM}) {
    const int status = in_child([second] {
      catch_interrupts();
      raise(SIGINT);
      raise(second);
      return 0;
    });
    CHECK((WIFSIGNALED(status) && WTERMSIG(status) == second));
  }
}

TEST_CASE("a signal that the caller ignores stays ignored") {
  const int status = in_child([] {
    std::signal(SIGINT, SIG_IGN);
    catch_interrupts();
    raise(SIGINT);
    return interrupted();
  });
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
}
