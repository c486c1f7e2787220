// Hooks: programs of the host that want to know of a renewed certificate.
#pragma once
#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "inventory/inventory.hpp"
#include "workflow/installation.hpp"
#include "workflow/workbench.hpp"

namespace ymgr::hooks {

inline constexpr Duration time_limit = std::chrono::seconds(120);
/// Covers a hook that takes its whole time, and its end.
inline constexpr Duration lease_time = time_limit + std::chrono::seconds(60);

/// Runs `argv` without a shell, its output on our stderr, in a process group that is ended after the limit.
/// @return empty when it exited 0, else why not: "exit status 3", "ended by signal 9", "not there", "took longer than 2m"
std::string run(const std::vector<std::string>& argv, const std::vector<std::string>& environment,
                const std::vector<std::pair<std::string, std::string>>& variables, Duration limit);

/// The variables of a deploy hook: YMGR_HOOK_NAME, _CERT_ID, _SERIAL, _OLD_SERIAL, _DOMAINS, _NOT_AFTER, _CERT_PATH, _KEY_PATH,
/// _KEY_REUSED.
std::vector<std::pair<std::string, std::string>> variables(sql::Connection&, const CertificateRow&,
                                                           const Installation&);

struct Outcome {
  std::int64_t run = 0, failed = 0;
  std::vector<std::string> messages;  // "web1: systemctl reload nginx: exit status 1"
  std::set<std::string> tried;        // certificates whose deploy hook was run, or refused: cert_ids
  void fail(std::string message);
  Outcome& operator+=(const Outcome&);
};

/// The hook ledger: every deploy hook that this host still owes and nobody else runs just now, those that failed in earlier
/// runs included. What keeps one from running, such as an unreadable installation file, is that hook's failure.
/// `before_each` is called right before a hook is run. `but`: the command has tried these, the next one tries them again.
Outcome run_pending(Workbench&, const std::function<void()>& before_each = {}, const std::set<std::string>& but = {});

/// Runs `work` with the hooks around it, each distinct pre- and post-hook of `places` once, as a part of the operation
/// `request_id`, which this process holds and whose lease is kept meanwhile. `work` calls its argument when the certificates
/// are delivered and before the operation ends: then the deploy hooks run and the post-hooks, and if this process does not
/// live to the end of them, whoever resumes the operation runs them. After an Error the post-hooks run all the same: what a
/// pre-hook stopped must come up again. A deploy hook that the outcome has as tried is not tried again.
void around(Workbench&, const std::string& request_id, const std::vector<Installation>& places, Outcome&,
            const std::function<void(const std::function<void()>& before_end)>& work);

}  // namespace ymgr::hooks
