#include "workflow/adopt_policy.hpp"

#include "base/crypto.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "sql/settings.hpp"
#include "workflow/measure_policy.hpp"

namespace ymgr {

namespace {

constexpr std::size_t largest_policy = 1024 * 1024;
constexpr std::string_view current_hash = "policy.sha256", current_version = "policy.version",
                           team_text = "policy.text";

std::string seen(const std::string& version) {
  return "policy.seen." + version;
}

void remember(sql::Connection& db, const Policy& policy, const std::string& digest, Time at) {
  sql::write_setting(db, current_hash, digest, at);
  sql::write_setting(db, current_version, policy.version(), at);
  sql::write_setting(db, seen(policy.version()), digest, at);
}

void adopt(sql::Connection& db, const Policy& policy, const std::string& digest, const PolicyAdopter& adopter) {
  if (adopter.session.identity().role != Role::admin) {
    throw Error(Code::role_denied, "policy " + policy.version() + " is new and has not been adopted by an admin",
                "Ask an admin to run any command, such as 'ymgr policy show'");
  }
  db.transaction(sql::Access::write, [&] {
    const auto before = sql::read_setting(db, current_version);
    remember(db, policy, digest, now());
    begin_measuring(db, now());
    audit::append(db, adopter.session.identity().user,
                  {{.request_id = "",
                    .event = "policy.changed",
                    .target = policy.version(),
                    .data = Json::object({{"sha256", digest}, {"previous_version", before.value_or("")}})}},
                  adopter.signer);
  });
}

}  // namespace

void record_first_policy(sql::Connection& db, const Policy& policy, std::string_view text, Time at) {
  remember(db, policy, hex(sha256(text)), at);
}

std::string_view to_string(PolicyChange change) noexcept {
  switch (change) {
    case PolicyChange::unchanged: return "unchanged";
    case PolicyChange::fresh: return "new";
    case PolicyChange::returning: return "returning";
    case PolicyChange::unversioned: return "unversioned";
  }
  return "new";
}

PolicyChange compare_policy(sql::Connection& db, const Policy& policy, std::string_view text) {
  const std::string digest = hex(sha256(text));
  if (sql::read_setting(db, current_hash) == digest) return PolicyChange::unchanged;
  const auto known = sql::read_setting(db, seen(policy.version()));
  if (!known) return PolicyChange::fresh;
  return *known == digest ? PolicyChange::returning : PolicyChange::unversioned;
}

PolicyChange check_policy_change(sql::Connection& db, const Policy& policy, const PolicyText& given) {
  const auto change = compare_policy(db, policy, given.text);
  if (change != PolicyChange::unversioned) return change;
  throw Error(Code::policy_unversioned, given.origin + " changed but its version is still " + policy.version(),
              "Give it a new version in the line 'version: " + policy.version() + "'",
              {{"policy_version", policy.version()}});
}

PolicyText read_policy_file(const std::string& path) {
  return {read_file(path, largest_policy), path};
}

Policy adopt_policy(sql::Connection& db, const PolicyText& given, const std::function<PolicyAdopter()>& adopter) {
  Policy policy = Policy::parse(given.text, given.origin);
  const auto change = check_policy_change(db, policy, given);
  if (change != PolicyChange::unchanged) adopt(db, policy, hex(sha256(given.text)), adopter());
  if (is_measuring(db)) measure_policy(db, policy, adopter().notices);
  return policy;
}

Policy team_policy(sql::Connection& db, const std::function<PolicyAdopter()>& adopter) {
  Policy policy =
      Policy::parse(sql::read_setting(db, team_text).value_or(default_policy("internal")), "the team's policy");
  if (is_measuring(db)) {  // by an admin who was interrupted; others can't write what comes out
    const auto who = adopter();
    if (who.session.identity().role == Role::admin) measure_policy(db, policy, who.notices);
  }
  return policy;
}

Policy set_team_policy(sql::Connection& db, const PolicyText& given, const PolicyAdopter& adopter) {
  Policy policy = Policy::parse(given.text, given.origin);
  const auto change = check_policy_change(db, policy, given);
  db.transaction(sql::Access::write, [&] {
    if (change != PolicyChange::unchanged) adopt(db, policy, hex(sha256(given.text)), adopter);
    sql::write_setting(db, team_text, given.text);
  });
  if (is_measuring(db)) measure_policy(db, policy, adopter.notices);
  return policy;
}

bool seed_team_policy(sql::Connection& db, const PolicyText& given) {
  if (sql::read_setting(db, team_text)) return false;
  record_first_policy(db, Policy::parse(given.text, given.origin), given.text, now());
  sql::write_setting(db, team_text, given.text);
  return true;
}

}  // namespace ymgr
