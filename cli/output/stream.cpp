#include "cli/output/stream.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "base/error.hpp"

namespace ymgr::cli {

namespace {

Error unwritten(int error_number) {
  const Error plain = system_error("write", "standard output", error_number);
  return Error(plain.code(), plain.what(), "The command itself is done; only its answer is lost");
}

}  // namespace

void write_out(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      pollfd ready{STDOUT_FILENO, POLLOUT, 0};
      ::poll(&ready, 1, -1);
      continue;
    }
    if (written < 0) throw unwritten(errno);
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

void write_error(std::string_view text) noexcept {
  while (!text.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

bool wants_color(int descriptor, When flag) noexcept {
  if (flag != When::automatic) return flag == When::always;
  const auto set = [](const char* name) {
    const char* value = std::getenv(name);
    return value && *value != '\0';
  };
  if (set("NO_COLOR")) return false;
  const char* force = std::getenv("CLICOLOR_FORCE");
  if (force && *force != '\0' && std::string_view(force) != "0") return true;
  const char* terminal = std::getenv("TERM");
  return ::isatty(descriptor) == 1 && terminal && std::string_view(terminal) != "dumb";
}

}  // namespace ymgr::cli
