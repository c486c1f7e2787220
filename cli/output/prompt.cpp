#include "cli/output/prompt.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.hpp"
#include "base/interrupt.hpp"
#include "base/text.hpp"

namespace ymgr::cli {

namespace {

constexpr std::size_t longest_line = 1024;

/// Echo off while it lives. Stop and quit keys wait until it is on again; SIGINT and SIGTERM only set a flag.
class Silence {
 public:
  explicit Silence(int fd) : fd_(fd) {
    sigset_t held;
    sigemptyset(&held);
    for (const int signal : {SIGTSTP, SIGQUIT, SIGHUP}) sigaddset(&held, signal);
    sigprocmask(SIG_BLOCK, &held, &mask_);
    if (tcgetattr(fd_, &before_) != 0) {
      sigprocmask(SIG_SETMASK, &mask_, nullptr);
      throw system_error("read the settings of", "/dev/tty", errno);
    }
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    silent.c_lflag |= ECHONL | ICANON;
    tcsetattr(fd_, TCSAFLUSH, &silent);
  }
  ~Silence() {
    tcsetattr(fd_, TCSAFLUSH, &before_);
    sigprocmask(SIG_SETMASK, &mask_, nullptr);
  }
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;

 private:
  int fd_;
  termios before_{};
  sigset_t mask_{};
};

void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw system_error("write", "/dev/tty", errno);
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

void wait_for_input(int fd) {
  pollfd ready{fd, POLLIN, 0};
  while (::poll(&ready, 1, 200) <= 0) throw_if_interrupted();
  throw_if_interrupted();
}

/// Byte by byte, so that nothing of a secret stays behind in a buffer.
std::size_t read_line(int fd, std::span<char> line) {
  std::size_t used = 0;
  for (;;) {
    wait_for_input(fd);
    char c = 0;
    const ssize_t got = ::read(fd, &c, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw system_error("read", "/dev/tty", errno);
    if (got == 0 && used == 0) throw Error(Code::input_needed, "the terminal was closed before the answer");
    if (got == 0 || c == '\n') return used;
    if (used == line.size())
      throw Error(Code::usage, "the answer is longer than " + std::to_string(line.size()) + " bytes");
    line[used++] = c;
  }
}

}  // namespace

std::optional<Terminal> Terminal::open() {
  Fd fd(::open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!fd) return std::nullopt;
  return Terminal(std::move(fd));
}

std::string Terminal::ask(std::string_view question) {
  write_all(fd_.get(), printable(question) + " ");
  std::string line(longest_line, '\0');
  line.resize(read_line(fd_.get(), line));
  return line;
}

Secret Terminal::ask_secret(std::string_view question) {
  const Silence silence(fd_.get());
  write_all(fd_.get(), printable(question) + " ");
  Secret line(longest_line);
  line.shrink(read_line(fd_.get(), line.fill()));
  return line;
}

}  // namespace ymgr::cli
