#include "workflow/hooks.hpp"

#include <algorithm>
#include <deque>

#include "base/child.hpp"
#include "base/error.hpp"
#include "base/text.hpp"
#include "workflow/genuine.hpp"
#include "workflow/operation.hpp"

namespace ymgr::hooks {
namespace {

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

/// What users enter runs no hook of others, whose failures it would be as well.
bool is_owed(Workbench& bench, const CertificateRow& row) {
  const auto against = against_place(bench, row);
  if (against) bench.notices.warn("no hook is run: " + std::string(against->what()));
  return !against;
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
  auto all = environment;
  for (const auto& [name, value] : variables) all.push_back(name + "=" + value);
  return run_child({.argv = argv, .environment = std::move(all), .limit = limit}).failure;
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
  tried.insert(other.tried.begin(), other.tried.end());
  return *this;
}

Outcome run_pending(Workbench& bench, const std::function<void()>& before_each, const std::set<std::string>& but) {
  Outcome outcome;
  for (const auto& row : inventory::with_pending_hooks(bench.db, bench.self.host)) {
    if (but.contains(row.cert_id)) continue;
    if (!is_owed(bench, row)) {
      outcome.tried.insert(row.cert_id);
      continue;
    }
    if (!claim(bench, row)) continue;
    if (before_each) before_each();
    const auto deployed = deploy(bench, row);
    add(outcome, row.name, deployed.argv, deployed.failure);
    outcome.tried.insert(row.cert_id);
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
        outcome += run_pending(bench, keep, outcome.tried);
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
