// The test build's half: the only file of lib/ that reads the environment.
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/failpoint.hpp"
#include "base/files.hpp"
#include "base/text.hpp"

namespace ymgr {
namespace {

enum class Effect { kill, error, full };

struct Spec {
  Effect effect;
  std::int64_t at;
};

constinit std::atomic<std::int64_t> calls{0};
constinit std::atomic<std::int64_t> clock_offset{0};  // microseconds

std::vector<Spec>& specs() {
  static std::vector<Spec> armed;
  return armed;
}

Spec parse_spec(const std::string& text) {
  const std::vector<std::string> parts = split(text, '@');
  const auto at = parts.size() == 2 ? parse_number(parts[1]) : std::nullopt;
  if (at && *at > 0) {
    if (parts[0] == "kill") return {Effect::kill, *at};
    if (parts[0] == "error") return {Effect::error, *at};
    if (parts[0] == "full") return {Effect::full, *at};
  }
  throw Error(Code::usage, "not a failpoint: \"" + printable(text) + "\"", "write kill@N, error@N or full@N");
}

void fire(Effect effect, std::string_view state, std::string_view where) {
  const std::string place = std::string(where) + " " + std::string(state);
  switch (effect) {
    case Effect::kill: std::raise(SIGKILL); break;
    case Effect::full: throw system_error("write", place, ENOSPC);
    case Effect::error:
      throw Error(Code::injected, "injected error " + place, "only test builds show this", {},
                  where == "after" ? Outcome::unknown : Outcome::known);
  }
}

Time shifted_clock() {
  return std::chrono::floor<Duration>(std::chrono::system_clock::now()) + Duration(clock_offset.load());
}

std::string& count_file() {
  static std::string path;
  return path;
}

void write_count() {
  write_file(count_file(), "failpoints: " + std::to_string(calls.load()) + "\n");
}

}  // namespace

void failpoint(std::string_view state, std::string_view where) {
  const std::int64_t call = calls.fetch_add(1) + 1;
  for (const Spec& spec : specs()) {
    if (spec.at == call) fire(spec.effect, state, where);
  }
}

void arm_failpoints() {
  if (const char* list = std::getenv("YMGR_FAILPOINT")) {
    for (const std::string& text : split(list, ',')) specs().push_back(parse_spec(text));
  }
  if (const char* time = std::getenv("YMGR_TEST_CLOCK")) {
    clock_offset =
        to_micros(parse_time(time)) - to_micros(std::chrono::floor<Duration>(std::chrono::system_clock::now()));
    set_clock(shifted_clock);
  }
  if (const char* path = std::getenv("YMGR_FAILPOINT_COUNT")) {
    count_file() = path;
    std::atexit(write_count);
  }
}

}  // namespace ymgr
