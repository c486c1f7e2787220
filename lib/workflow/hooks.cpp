#include "workflow/hooks.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <system_error>

#include "base/error.hpp"
#include "base/text.hpp"
#include "workflow/operation.hpp"

namespace ymgr::hooks {
namespace {

/// The child's pid, or an error number below zero.
pid_t spawn(const std::vector<std::string>& argv, const std::vector<std::string>& environment) {
  std::vector<char*> arguments, variables;
  for (const auto& word : argv) arguments.push_back(const_cast<char*>(word.c_str()));
  for (const auto& entry : environment) variables.push_back(const_cast<char*>(entry.c_str()));
  arguments.push_back(nullptr);
  variables.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  pid_t pid = 0;
  const int failed =
      posix_spawnp(&pid, argv.front().c_str(), &actions, &attributes, arguments.data(), variables.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  return failed == 0 ? pid : -failed;
}

/// True: it ended within `limit`.
bool wait_for_end(pid_t pid, Duration limit) {
  const Fd handle(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!handle) return true;
  pollfd entry{handle.get(), POLLIN, 0};
  const auto end = std::chrono::steady_clock::now() + limit;
  while (true) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now()).count();
    if (left <= 0) return false;
    const int ready = poll(&entry, 1, static_cast<int>(std::min<long long>(left, 60'000)));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return true;
  }
}

std::string describe(int status) {
  if (WIFEXITED(status)) return WEXITSTATUS(status) == 0 ? "" : "exit status " + std::to_string(WEXITSTATUS(status));
  return "ended by signal " + std::to_string(WTERMSIG(status));
}

void add(Outcome& outcome, const std::string& name, const std::vector<std::string>& argv, const std::string& failure) {
  ++outcome.run;
  if (!failure.empty()) outcome.fail(name + ": " + join(argv, " ") + ": " + failure);
}

using Queue = std::deque<std::vector<std::string>>;

Queue distinct(const std::vector<Installation>& places, std::vector<std::string> Installation::*hook) {
  Queue queue;
  for (const auto& place : places)
    if (!(place.*hook).empty() && std::ranges::find(queue, place.*hook) == queue.end()) queue.push_back(place.*hook);
  return queue;
}

/// Empties the queue; one that `before_each` kept from running stays in it.
void run_all(Workbench& bench, const std::string& title, Queue& queue, const std::function<void()>& before_each,
             Outcome& outcome) {
  while (!queue.empty()) {
    if (before_each) before_each();
    const auto argv = std::move(queue.front());
    queue.pop_front();
    add(outcome, title, argv, run(argv, bench.environment, {}, time_limit));
  }
}

/// Of several processes at the same time one runs a hook; the claim of one that died is void.
bool claim(Workbench& bench, const CertificateRow& row) {
  bool ours = false;
  const std::string self = bench.self.to_text();
  bench.db.transaction(sql::Access::write, [&] {
    const Time at = now();
    ours = inventory::claim_hook(bench.db, row, {self, at, at + lease_time}, [&](std::string_view holder) {
      return holder == self || is_dead(holder, bench.self);
    });
  });
  return ours;
}

struct Deployed {
  std::vector<std::string> argv;
  std::string failure;  // empty: none
};

Deployed deploy(Workbench& bench, const CertificateRow& row) {
  try {
    const auto place = installation::load(bench.installations, row.installation);
    if (!place) return {{"deploy-hook"}, "the installation file is gone"};
    if (place->deploy_hook.empty()) return {};
    return {place->deploy_hook,
            run(place->deploy_hook, bench.environment, variables(bench.db, row, *place), time_limit)};
  } catch (const Error& error) {  // of this certificate: the hooks of others run all the same
    return {{"deploy-hook"}, error.what()};
  }
}

}  // namespace

std::string run(const std::vector<std::string>& argv, const std::vector<std::string>& environment,
                const std::vector<std::pair<std::string, std::string>>& variables, Duration limit) {
  if (argv.empty()) return "empty";
  auto all = environment;
  for (const auto& [name, value] : variables) all.push_back(name + "=" + value);
  const pid_t pid = spawn(argv, all);
  if (pid < 0) return std::string("can't be started: ") + std::generic_category().message(-pid);
  const bool ended = wait_for_end(pid, limit);
  if (!ended) {
    kill(-pid, SIGTERM);
    if (!wait_for_end(pid, std::chrono::seconds(2))) kill(-pid, SIGKILL);
  }
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
  kill(-pid, SIGKILL);  // what it left behind in its group
  return ended ? describe(status) : "took longer than " + format_duration(limit);
}

std::vector<std::pair<std::string, std::string>> variables(sql::Connection& db, const CertificateRow& row,
                                                           const Installation& place) {
  std::string domains;
  for (const auto& san : row.sans) domains += (domains.empty() ? "" : " ") + san.value;
  const auto paths = installation::paths(place);
  const auto old = row.renewed_from.empty() ? std::nullopt : inventory::by_id(db, row.renewed_from);
  const bool reused = old && old->public_key_sha256 == row.public_key_sha256;
  return {{"YMGR_HOOK_NAME", row.name},
          {"YMGR_HOOK_CERT_ID", row.cert_id},
          {"YMGR_HOOK_SERIAL", row.serial},
          {"YMGR_HOOK_OLD_SERIAL", old ? old->serial : ""},
          {"YMGR_HOOK_DOMAINS", domains},
          {"YMGR_HOOK_NOT_AFTER", format_time(row.expires_at)},
          {"YMGR_HOOK_CERT_PATH", paths.fullchain.empty() ? paths.pkcs12 : paths.fullchain},
          {"YMGR_HOOK_KEY_PATH", paths.key},
          {"YMGR_HOOK_KEY_REUSED", reused ? "1" : "0"}};
}

void Outcome::fail(std::string message) {
  ++failed;
  messages.push_back(std::move(message));
}

Outcome& Outcome::operator+=(const Outcome& other) {
  run += other.run;
  failed += other.failed;
  messages.insert(messages.end(), other.messages.begin(), other.messages.end());
  return *this;
}

Outcome run_pending(Workbench& bench, const std::function<void()>& before_each) {
  Outcome outcome;
  for (const auto& row : inventory::with_pending_hooks(bench.db, bench.self.host)) {
    if (!claim(bench, row)) continue;
    if (before_each) before_each();
    const auto deployed = deploy(bench, row);
    add(outcome, row.name, deployed.argv, deployed.failure);
    const bool done = deployed.failure.empty();
    bench.db.transaction(sql::Access::write, [&] {
      inventory::set_hook_result(bench.db, row.cert_id, done ? "ok" : "pending", deployed.failure, now());
      audit::append(bench.db, bench.session.identity().user,
                    {{row.request_id, done ? "hook.done" : "hook.failed", row.name,
                      Json::object({{"cert_id", row.cert_id}, {"message", deployed.failure}})}},
                    bench.head_signer);
    });
  }
  return outcome;
}

void around(Workbench& bench, const std::string& request_id, const std::vector<Installation>& places, Outcome& outcome,
            const std::function<void(const std::function<void()>&)>& work) {
  const auto keep = [&] { operations::keep_lease(bench, request_id, lease_time); };
  auto before = distinct(places, &Installation::pre_hook), after = distinct(places, &Installation::post_hook);
  try {
    within_operation(request_id, [&] {
      run_all(bench, "pre-hook", before, keep, outcome);
      work([&] {
        outcome += run_pending(bench, keep);
        run_all(bench, "post-hook", after, keep, outcome);
      });
    });
  } catch (...) {
    run_all(bench, "post-hook", after, {}, outcome);
    for (const auto& message : outcome.messages) bench.notices.warn("hook failed: " + message);
    throw;
  }
}

}  // namespace ymgr::hooks
