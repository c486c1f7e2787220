#include "base/child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/interrupt.hpp"

namespace ymgr {
namespace {

constexpr auto time_to_end = std::chrono::seconds(2);
constexpr int without_handle = 20;  // milliseconds between two looks at a child whose end wakes nobody

struct Pipe {
  Fd read, write;
};

Pipe make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw system_error("make", "a pipe", errno);
  return {Fd(ends[0]), Fd(ends[1])};
}

void never_block(const Fd& fd) {
  ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (const auto& text : texts) all.push_back(const_cast<char*>(text.c_str()));
  all.push_back(nullptr);
  return all;
}

std::string describe(int status) {
  if (WIFEXITED(status)) return WEXITSTATUS(status) == 0 ? "" : "exit status " + std::to_string(WEXITSTATUS(status));
  return "ended by signal " + std::to_string(WTERMSIG(status));
}

class Running {
 public:
  explicit Running(const Child& child) : child_(child) {
    if (!child.input.empty()) in_ = make_pipe();
    if (child.most_output > 0) out_ = make_pipe();
  }

  ChildEnd run() {
    if (const int failed = spawn(); failed != 0)
      return {
          std::string("can't be started: ") + std::generic_category().message(failed), {}, ChildEnd::How::not_started};
    in_.read = Fd();
    out_.write = Fd();
    if (in_.write) never_block(in_.write);
    if (out_.read) never_block(out_.read);
    const auto stopped = attend();
    ChildEnd end{finish(stopped), std::move(output_)};
    if (stopped == Stopped::time) end.how = ChildEnd::How::took_longer;
    if (stopped == Stopped::signal) throw_if_interrupted();
    return end;
  }

 private:
  enum class Stopped { no, time, size, signal };

  /// An error number, or 0.
  int spawn() {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    if (in_.read)
      posix_spawn_file_actions_adddup2(&actions, in_.read.get(), STDIN_FILENO);
    else
      posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out_.write ? out_.write.get() : STDERR_FILENO, STDOUT_FILENO);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    auto words = pointers(child_.argv), variables = pointers(child_.environment);
    const int failed = posix_spawnp(&pid_, words.front(), &actions, &attributes, words.data(), variables.data());
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return failed;
  }

  /// What poll() waits at for its end. Empty: there are no descriptors left, or a seccomp profile does not know the call.
  Fd open_handle() const { return Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0))); }

  /// It stays to be waited for.
  bool has_ended() const {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid != 0;
  }

  /// Feeds and reads it until it ends or must end.
  Stopped attend() {
    const Fd handle = open_handle();
    const long long longest = handle ? 1000 : without_handle;
    const auto until = std::chrono::steady_clock::now() + child_.limit;
    for (;;) {
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()).count();
      if (left <= 0) return Stopped::time;
      std::array<pollfd, 3> waits{{{handle.get(), POLLIN, 0},
                                   {in_.write ? in_.write.get() : -1, POLLOUT, 0},
                                   {out_.read ? out_.read.get() : -1, POLLIN, 0}}};
      ::poll(waits.data(), waits.size(), static_cast<int>(std::min<long long>(left, longest)));
      const bool ended = handle ? waits[0].revents != 0 : has_ended();
      if (child_.on_signal == Child::OnSignal::stop && interrupted() != 0) return Stopped::signal;
      if (waits[1].revents != 0) feed();
      if (waits[2].revents != 0 || ended) drain();
      if (output_.size() > child_.most_output) return Stopped::size;
      if (ended) return Stopped::no;
    }
  }

  void feed() {
    const auto rest = std::string_view(child_.input).substr(fed_);
    const auto written = ::write(in_.write.get(), rest.data(), rest.size());
    if (written > 0) fed_ += static_cast<std::size_t>(written);
    const bool gone = written < 0 && errno != EAGAIN && errno != EINTR;  // it reads no further
    if (gone || fed_ == child_.input.size()) in_.write = Fd();
  }

  void drain() {
    std::array<char, 4096> buffer;
    while (out_.read && output_.size() <= child_.most_output) {
      const auto got = ::read(out_.read.get(), buffer.data(), buffer.size());
      if (got > 0) output_.append(buffer.data(), static_cast<std::size_t>(got));
      if (got < 0 && errno == EAGAIN) return;
      if (got == 0 || (got < 0 && errno != EINTR)) out_.read = Fd();
    }
  }

  bool ends_within(Duration time) const {
    const Fd handle = open_handle();
    pollfd entry{handle.get(), POLLIN, 0};
    const auto until = std::chrono::steady_clock::now() + time;
    for (;;) {
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()).count();
      if (has_ended()) return true;
      if (left <= 0) return false;
      ::poll(&entry, 1, static_cast<int>(std::min<long long>(left, handle ? left : without_handle)));
    }
  }

  std::string finish(Stopped stopped) {
    if (stopped != Stopped::no) {
      ::kill(-pid_, SIGTERM);
      if (!ends_within(time_to_end)) ::kill(-pid_, SIGKILL);
    }
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) continue;
    ::kill(-pid_, SIGKILL);  // what it left behind in its group
    if (stopped == Stopped::time) return "took longer than " + format_duration(child_.limit);
    if (stopped == Stopped::size) return "wrote more than " + std::to_string(child_.most_output) + " bytes";
    return describe(status);
  }

  const Child& child_;
  Pipe in_, out_;
  pid_t pid_ = 0;
  std::size_t fed_ = 0;
  std::string output_;
};

}  // namespace

bool is_program(const std::string& name, const std::vector<std::string>& folders) {
  const auto can_run = [](const std::string& path) { return !is_folder(path) && ::access(path.c_str(), X_OK) == 0; };
  if (name.find('/') != std::string::npos) return can_run(name);
  return std::ranges::any_of(folders, [&](const std::string& folder) { return can_run(folder + "/" + name); });
}

ChildEnd run_child(const Child& child) {
  if (child.argv.empty()) return {"empty", {}};
  return Running(child).run();
}

}  // namespace ymgr
