#include "policy/policy.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/text.hpp"
#include "policy/cabf.hpp"

namespace ymgr {
namespace {

using std::chrono::days;

bool is_tls_server(const ProfileRules& rules) {
  return std::find(rules.eku.begin(), rules.eku.end(), "serverAuth") != rules.eku.end();
}

Json algorithms_json(const std::vector<KeyAlgorithm>& algorithms) {
  auto list = Json::array();
  for (const auto algorithm : algorithms) list.push(to_string(algorithm));
  return list;
}

Json kinds_json(const std::vector<SanKind>& kinds) {
  auto list = Json::array();
  for (const auto kind : kinds) list.push(to_string(kind));
  return list;
}

Json names_json(const ProfileRules& rules) {
  return Json::object({{"allowed", Json::texts(rules.names_allowed)},
                       {"denied", Json::texts(rules.names_denied)},
                       {"wildcards", rules.wildcards},
                       {"name_is_san", rules.name_is_san},
                       {"san_kinds", kinds_json(rules.san_kinds)},
                       {"max_sans", rules.max_sans}});
}

std::string hint_of(const Violation& violation) {
  if (violation.flag_hint.empty()) return violation.suggestion;
  return violation.suggestion + ": " + violation.flag_hint;
}

}  // namespace

const ProfileRules& Policy::profile(std::string_view name) const {
  const auto found = profiles_.find(std::string(name));
  if (found != profiles_.end()) return found->second;
  const std::string message = "policy " + version_ + " has no profile " + printable(name);
  if (const auto lines = default_profile(name)) {
    throw Error(Code::profile_unknown, message,
                "write it into the profiles of policy.yaml, with a new version: " + *lines);
  }
  std::vector<std::string_view> names;
  for (const auto& [known, rules] : profiles_) names.push_back(known);
  const auto near = nearest(name, names);
  const std::vector<std::string> all(names.begin(), names.end());
  throw Error(Code::profile_unknown, message, near ? "did you mean " + *near + "?" : "one of " + join(all, ", "));
}

Duration Policy::max_validity(const ProfileRules& rules, Time at) const {
  if (preset_ != "cabf" || !is_tls_server(rules)) return rules.max_validity;
  return std::min(rules.max_validity, cabf::max_validity(at));
}

Duration Policy::default_validity(const ProfileRules& rules, Time at) const {
  const bool named = rules.default_validity != Duration{};
  if (preset_ != "cabf" || !is_tls_server(rules)) {
    return std::min<Duration>(named ? rules.default_validity : days(90), rules.max_validity);
  }
  // the Baseline Requirements count the last second too, and any part of a day as a day
  const auto safe = std::min<Duration>(rules.max_validity, cabf::max_validity(at) - days(1));
  return named ? std::min(rules.default_validity, safe) : safe;
}

bool Policy::denies_key(std::string_view sha256) const {
  return std::ranges::find(denied_keys_, lower(sha256)) != denied_keys_.end();
}

Json Policy::to_json(Time at) const {
  auto profiles = Json::object();
  for (const auto& [name, rules] : profiles_) {
    profiles.set(
        name,
        Json::object(
            {{"keys", Json::object({{"min_rsa_bits", rules.min_rsa_bits},
                                    {"algorithms", algorithms_json(rules.algorithms)},
                                    {"default", to_string(rules.default_key)}})},
             {"names", names_json(rules)},
             {"validity", Json::object({{"max", format_duration(max_validity(rules, at))},
                                        {"default", format_duration(default_validity(rules, at))}})},
             {"reuse",
              Json::object({{"key", rules.key_reuse},
                            {"max_key_age", rules.max_key_age ? Json(format_duration(*rules.max_key_age)) : Json()}})},
             {"eku", Json::texts(rules.eku)},
             {"key_usage", Json::texts(rules.key_usage)},
             {"roles", Json::texts(rules.roles)},
             {"approval", Json::texts(rules.approval)}}));
  }
  return Json::object({{"version", version_},
                       {"preset", preset_},
                       {"min_renew_interval", format_duration(min_renew_interval_)},
                       {"denied_keys", Json::texts(denied_keys_)},
                       {"profiles", std::move(profiles)}});
}

Json to_json(const std::vector<Violation>& violations) {
  auto list = Json::array();
  for (const auto& v : violations) {
    auto object = Json::object();
    if (!v.name.empty()) object.set("name", v.name);
    object.set("rule", v.rule).set("value", v.value).set("limit", v.limit);
    object.set("message", v.message).set("suggestion", v.suggestion).set("hint", hint_of(v));
    list.push(std::move(object));
  }
  return list;
}

void throw_violation(const Decision& decision, std::string_view request_id) {
  if (decision.approved()) throw Error(Code::internal, "an approved request was refused");
  const auto& first = decision.violations.front();
  const bool only_key = decision.violations.size() == 1 && first.rule == "key.denied";
  Details details{{"policy_version", decision.policy_version}, {"suggestion", first.suggestion}};
  if (!request_id.empty()) details.emplace_back("audit_reference", request_id);
  details.emplace_back("violations", dump_json(to_json(decision.violations)));
  throw Error(only_key ? Code::key_denied : Code::policy_violation, "Policy violation: " + first.message,
              hint_of(first), std::move(details));
}

}  // namespace ymgr
