#include "cli/agent_process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <string_view>
#include <system_error>
#include <vector>

#include "base/error.hpp"
#include "base/files.hpp"
#include "cli/environment.hpp"

namespace ymgr::cli {
namespace {

constexpr const char* socket_unit = "ymgr-agentd.socket";

/// In a session of its own, with nothing of ours but such of the environment as may pass. The process id, or an error number below zero.
pid_t spawn_detached(const std::vector<std::string>& argv) {
  std::vector<char*> words, variables;
  for (const auto& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  auto environment = environment_for_others();
  for (auto& entry : environment) variables.push_back(entry.data());
  variables.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDWR, 0);
  posix_spawn_file_actions_adddup2(&actions, STDIN_FILENO, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, STDIN_FILENO, STDERR_FILENO);
  posix_spawn_file_actions_addchdir_np(&actions, "/");
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  pid_t pid = 0;
  const int failed = ::posix_spawnp(&pid, words.front(), &actions, &attributes, words.data(), variables.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  return failed == 0 ? pid : -failed;
}

std::string agent_program() {
  const std::string self = read_link("/proc/self/exe").value_or("");
  const std::string beside = self.substr(0, self.rfind('/') + 1) + "ymgr-agentd";
  return beside.starts_with('/') && exists(beside) ? beside : "ymgr-agentd";
}

Error not_started(const std::string& what, const std::string& hint) {
  return {Code::agent_unreachable, "the agent can't be started: " + what, hint};
}

}  // namespace

AgentUnit find_agent_unit(const std::string& socket) {
  const std::string runtime = "/run/user/" + std::to_string(::geteuid());
  if (environment("XDG_RUNTIME_DIR") != runtime || socket != runtime + "/ymgr/agent.sock") return AgentUnit::none;
  if (!exists(runtime + "/systemd/private")) return AgentUnit::none;
  for (const std::string& folder : {std::string("/usr/lib/systemd/user/"), std::string("/etc/systemd/user/"),
                                    xdg_folder("XDG_CONFIG_HOME", ".config") + "/systemd/user/"}) {
    if (exists(folder + socket_unit)) return AgentUnit::user;
  }
  return AgentUnit::none;
}

void start_agent_unit() {
  const pid_t pid = spawn_detached({"systemctl", "--user", "start", socket_unit});
  int status = 0;
  if (pid < 0) throw not_started("systemctl: " + std::generic_category().message(-pid), "start ymgr-agentd yourself");
  if (::waitpid(pid, &status, 0) == pid && status == 0) return;
  throw not_started("systemctl --user start " + std::string(socket_unit) + " failed",
                    "look at: systemctl --user status " + std::string(socket_unit));
}

long start_agent_process(const std::string& socket) {
  const pid_t pid = spawn_detached({agent_program(), "--socket", socket});
  if (pid < 0)
    throw not_started("ymgr-agentd: " + std::generic_category().message(-pid), "install it, or put it into PATH");
  return pid;
}

bool is_running(long pid) {
  return ::waitpid(static_cast<pid_t>(pid), nullptr, WNOHANG) == 0;
}

}  // namespace ymgr::cli
