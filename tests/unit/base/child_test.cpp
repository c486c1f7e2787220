#include "base/child.hpp"

#include <doctest/doctest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstddef>

#include "base/text.hpp"

using namespace ymgr;

namespace {

constexpr auto minute = std::chrono::minutes(1);

Child shell(const std::string& script) {
  return {
      .argv = {"/bin/sh", "-c", script}, .environment = {"PATH=/usr/bin:/bin"}, .most_output = 1000, .limit = minute};
}

/// As some containers have it: pidfd_open is a call that the kernel does not know.
bool forbid_handles() {
  sock_filter filter[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                          BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_open, 0, 1),
                          BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
                          BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  const sock_fprog program{4, filter};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/// What went wrong without handles, as an exit status: it is for good, so a process of its own tries it.
int run_without_handles() {
  if (!forbid_handles()) return 1;
  auto child = shell("trap '' TERM; while :; do sleep 1; done");
  child.limit = std::chrono::milliseconds(100);
  if (!run_child(child).failure.starts_with("took longer than ")) return 2;
  child = shell("cat; exit 3");
  child.input = "told";
  const auto end = run_child(child);
  return end.output != "told" ? 3 : end.failure != "exit status 3" ? 4 : 0;
}

}  // namespace

TEST_CASE("a program's output is kept, and how it ended is told") {
  struct Row {
    const char *script, *output, *failure;
  };
  const Row rows[] = {{"printf hello", "hello", ""},
                      {"printf half; exit 3", "half", "exit status 3"},
                      {"kill -9 $$", "", "ended by signal 9"},
                      {"head -c 2000 /dev/zero | tr '\\0' x", nullptr, "wrote more than 1000 bytes"},
                      {"cat", "", ""},
                      {"printf '%s' \"$HOME$PATH\"", "/usr/bin:/bin", ""}};
  for (const auto& row : rows) {
    CAPTURE(std::string(row.script));
    const auto end = run_child(shell(row.script));
    if (row.output) CHECK(end.output == row.output);
    CHECK(end.failure == row.failure);
  }
}

TEST_CASE("a program reads its input to the end, or leaves it") {
  ::signal(SIGPIPE, SIG_IGN);
  auto child = shell("wc -c | tr -d ' \\n'");
  child.input = std::string(1'000'000, 'x');
  CHECK(run_child(child).output == "1000000");
  child.argv.back() = "exec 0<&-; printf done";
  const auto end = run_child(child);
  CHECK(end.output == "done");
  CHECK(end.failure.empty());
}

TEST_CASE("a program that takes too long is ended with all that it started") {
  auto child = shell("sleep 60 & trap '' TERM; while :; do sleep 1; done");
  child.limit = std::chrono::milliseconds(100);
  CHECK(run_child(child).failure.starts_with("took longer than "));
}

TEST_CASE("a program keeps its time limit and gets its input where the kernel hands out no descriptor of it") {
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::alarm(20);  // instead of a test that never ends
    ::_exit(run_without_handles());
  }
  int status = -1;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  CHECK(status == 0);
}

TEST_CASE("what outlives a program does not keep its caller waiting") {
  const auto end = run_child(shell("sleep 50 & printf gone"));
  CHECK(end.output == "gone");
  CHECK(end.failure.empty());
}

TEST_CASE("a program that is not there is told") {
  CHECK(run_child({.argv = {"/nonexistent/program"}, .environment = {}, .limit = minute})
            .failure.starts_with("can't be started: "));
  CHECK(run_child({.argv = {}, .environment = {}, .limit = minute}).failure == "empty");
}
