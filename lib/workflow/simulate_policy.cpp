#include "workflow/simulate_policy.hpp"

#include <algorithm>

#include "base/interrupt.hpp"
#include "keys/key_store.hpp"
#include "workflow/measure_policy.hpp"

namespace ymgr {
namespace {

constexpr std::int64_t progress_step = 10'000;

/// As choice_for() decides it at a renewal.
bool reuses_key(const Policy& policy, const ProfileRules& rules, const inventory::ComingRenewal& coming, Time at) {
  if (place_of(coming.key_reference) == KeyPlace::external) return true;
  if (coming.key_denied || policy.denies_key(coming.public_key_sha256) || !rules.key_reuse) return false;
  return !rules.max_key_age || at - coming.key_created_at <= *rules.max_key_age;
}

PolicyRequest request_of(const Policy& policy, const ProfileRules& rules, const inventory::ComingRenewal& coming,
                         Time at) {
  PolicyRequest request;
  request.action = PolicyRequest::Action::renew;
  request.name = coming.name;
  request.profile = coming.profile;
  request.role = "admin";
  request.owner = coming.owner;
  request.algorithm = coming.key_algorithm;
  request.sans = coming.sans;
  request.common_name = coming.name.size() <= 64 ? coming.name : std::string();
  request.validity = policy.default_validity(rules, at);
  request.key_reused = reuses_key(policy, rules, coming, at);
  if (!request.key_reused) return request;
  request.key_age = at - coming.key_created_at;
  request.public_key_sha256 = coming.public_key_sha256;
  request.key_denied = coming.key_denied;
  return request;
}

std::vector<Violation> refusals(const Policy& policy, const inventory::ComingRenewal& coming, Time now) {
  const auto rules = policy.profiles().find(coming.profile);
  if (rules == policy.profiles().end()) return {profile_gone(coming.profile)};
  const Time at = std::max(coming.renew_at, now);
  auto violations = policy.decide(request_of(policy, rules->second, coming, at), at).violations;
  std::erase_if(violations, [](const Violation& violation) { return violation.rule == "roles"; });
  return violations;
}

SimulatedRule& rule_named(std::vector<SimulatedRule>& rules, const Violation& violation) {
  auto place = std::ranges::lower_bound(rules, violation.rule, {}, &SimulatedRule::rule);
  if (place == rules.end() || place->rule != violation.rule)
    place = rules.insert(place, {violation.rule, 0, 0, violation.message, violation.suggestion});
  return *place;
}

/// Once a certificate, however many of its names break the rule.
void count_rules(std::vector<SimulatedRule>& rules, const SimulatedItem& item) {
  std::vector<std::string_view> seen;
  for (const auto& violation : item.violations) {
    if (std::ranges::find(seen, violation.rule) != seen.end()) continue;
    seen.push_back(violation.rule);
    auto& rule = rule_named(rules, violation);
    rule.certificates += 1;
    rule.already += item.already ? 1 : 0;
  }
}

void add(Simulation& told, SimulatedItem item, std::int64_t limit) {
  told.failing += 1;
  told.already += item.already ? 1 : 0;
  count_rules(told.rules, item);
  if (limit == 0 || told.failing <= limit) told.items.push_back(std::move(item));
}

std::size_t count_active(sql::Connection& db) {
  std::int64_t rows = 0;
  db.run("SELECT count(*) FROM certificates WHERE status = 'active'", {},
         [&](const sql::Row& row) { rows = row.integer(0); });
  return static_cast<std::size_t>(rows);
}

}  // namespace

Simulation simulate_policy(sql::Connection& db, const Policy& in_force, const Policy& next,
                           const SimulationQuery& query, Time at, Notices& notices) {
  Simulation told;
  db.transaction(sql::Access::read, [&] {
    told = {};
    const std::size_t total = count_active(db);
    inventory::coming_renewals(db, query.selection, at, [&](const inventory::ComingRenewal& coming) {
      throw_if_interrupted();
      if (++told.checked % progress_step == 0) notices.progress(static_cast<std::size_t>(told.checked), total);
      auto violations = refusals(next, coming, at);
      if (violations.empty()) return;
      const bool already = !refusals(in_force, coming, at).empty();
      add(told, {coming, std::move(violations), already}, query.limit);
    });
    notices.progress(total, total);
  });
  return told;
}

}  // namespace ymgr
