#include "base/child.hpp"

#include <doctest/doctest.h>
#include <signal.h>

#include <chrono>

#include "base/text.hpp"

using namespace ymgr;

namespace {

constexpr auto minute = std::chrono::minutes(1);

Child shell(const std::string& script) {
  return {
      .argv = {"/bin/sh", "-c", script}, .environment = {"PATH=/usr/bin:/bin"}, .most_output = 1000, .limit = minute};
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
