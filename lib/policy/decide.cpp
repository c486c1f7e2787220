// One function for each block of rules, in the order of the file.
#include <algorithm>
#include <functional>

#include "base/text.hpp"
#include "policy/cabf.hpp"
#include "policy/names.hpp"
#include "policy/policy.hpp"

namespace ymgr {
namespace {

using Violations = std::vector<Violation>;

template <class Range, class Value>
bool holds(const Range& range, const Value& value) {
  return std::find(std::begin(range), std::end(range), value) != std::end(range);
}

/// A request as the rules read it: the key's facts complete, the common name among the names.
struct Question {
  const PolicyRequest& request;
  const ProfileRules& rules;
  std::string family;
  int bits = 0;
  std::vector<San> names;  // SANs, and the common name where it says something else
};

Question question_of(const PolicyRequest& request, const ProfileRules& rules) {
  Question question{request, rules, request.key_family, request.key_bits, request.sans};
  if (const auto algorithm = parse_key_algorithm(request.algorithm)) {
    if (question.family.empty()) question.family = key_family(*algorithm);
    if (question.bits == 0) question.bits = key_bits(*algorithm);
  }
  const auto common = name_of_text(request.common_name);
  const auto same = [&](const San& san) { return lower(san.value) == lower(common.value); };
  if (!common.value.empty() && std::none_of(request.sans.begin(), request.sans.end(), same)) {
    question.names.push_back(common);
  }
  return question;
}

/// "--key rsa-3072, or --key ec-p256": what the profile allows, RSA first when RSA was asked for.
std::string key_flags(const Question& question) {
  const auto flag = [](KeyAlgorithm algorithm) { return "--key " + std::string(to_string(algorithm)); };
  std::vector<std::string> flags;
  const auto& allowed = question.rules.algorithms;
  const auto rsa = std::find_if(allowed.begin(), allowed.end(), [](auto a) { return key_family(a) == "RSA"; });
  if (question.family == "RSA" && rsa != allowed.end()) flags.push_back(flag(*rsa));
  const auto preferred = flag(question.rules.default_key);
  if (!holds(flags, preferred)) flags.push_back(preferred);
  return join(flags, ", or ");
}

void check_key(const Question& question, bool denied, Violations& out) {
  const auto& [request, rules, family, bits, names] = question;
  const auto limit = std::to_string(rules.min_rsa_bits);
  const bool rsa_allowed =
      std::any_of(rules.algorithms.begin(), rules.algorithms.end(), [](auto a) { return key_family(a) == "RSA"; });
  const bool small = family == "RSA" && bits < rules.min_rsa_bits;
  if (small) {
    out.push_back({"key.min_rsa_bits", std::to_string(bits), limit,
                   "Key size " + std::to_string(bits) + " below minimum " + limit,
                   "Use RSA key size ≥ " + limit + " bits", key_flags(question)});
  }
  const auto algorithm = parse_key_algorithm(request.algorithm);
  const bool listed = algorithm && holds(rules.algorithms, *algorithm);
  if (!listed && !(small && rsa_allowed)) {
    std::vector<std::string> allowed;
    for (const auto a : rules.algorithms) allowed.emplace_back(to_string(a));
    const auto list = join(allowed, ", ");
    const auto shown = request.algorithm.empty() ? std::string("unknown") : printable(request.algorithm);
    out.push_back({"key.algorithms", shown, list, "Key algorithm " + shown + " not allowed in profile " + rules.name,
                   "Use one of " + list, key_flags(question)});
  }
  if (denied) {
    out.push_back({"key.denied", request.public_key_sha256, "not on the list of denied keys",
                   "Key " + request.public_key_sha256.substr(0, 16) + " is denied", "Make a new key",
                   request.action == PolicyRequest::Action::renew ? "--new-key" : ""});
  }
}

std::string first_of(const std::vector<std::string>& patterns) {
  constexpr std::ptrdiff_t shown = 5;
  if (patterns.size() <= shown) return join(patterns, ", ");
  return join(std::vector<std::string>(patterns.begin(), patterns.begin() + shown), ", ") + ", …";
}

void check_allowed(const Question& question, const San& name, Violations& out) {
  const auto& allowed = question.rules.names_allowed;
  const auto fits = [&](const std::string& pattern) { return pattern_allows(pattern, name); };
  if (allowed.empty() || std::any_of(allowed.begin(), allowed.end(), fits)) return;
  const auto list = first_of(allowed);
  out.push_back({"names.allowed", name.value, list, "Name " + printable(name.value) + " is not among the allowed names",
                 "Use a name that fits " + list, ""});
}

void check_denied(const Question& question, const San& name, Violations& out) {
  for (const auto& pattern : question.rules.names_denied) {
    if (!pattern_touches(pattern, name)) continue;
    const auto verb = pattern_allows(pattern, name) ? " is denied by " : " covers the denied ";
    out.push_back({"names.denied", name.value, pattern, "Name " + printable(name.value) + verb + pattern,
                   "Use a name outside " + pattern, ""});
    return;
  }
}

void check_form(const Question& question, const San& name, Violations& out) {
  const auto text = printable(name.value);
  if (name.kind == SanKind::dns && name.value.starts_with("*.") && !question.rules.wildcards) {
    out.push_back({"names.wildcards", name.value, "false",
                   "Wildcard name " + text + " not allowed in profile " + question.rules.name, "Name each host", ""});
  }
  if (name.kind == SanKind::uri && has_dot_segments(name.value)) {
    out.push_back({"names.uri", name.value, "no . or .. in the path", "URI " + text + " has dot segments",
                   "Write the path that they lead to", ""});
  }
}

void check_public(const San& name, Violations& out) {
  if (name.kind == SanKind::dns && cabf::is_internal_name(name.value)) {
    out.push_back({"names.internal", name.value, "public DNS names",
                   "Name " + printable(name.value) + " is internal, preset cabf allows public names only",
                   "Use a name below a public domain", ""});
  }
  if (name.kind != SanKind::ip) return;
  if (const auto network = cabf::reserved_network(name.value)) {
    out.push_back({"names.reserved_ip", name.value, std::string(*network),
                   "Address " + name.value + " is in the reserved network " + std::string(*network),
                   "Use a public address or a DNS name", ""});
  }
}

void check_names(const Question& question, bool is_public, Violations& out) {
  const auto& rules = question.rules;
  std::vector<std::string> kinds;
  for (const auto kind : rules.san_kinds) kinds.emplace_back(to_string(kind));
  const auto kind_list = join(kinds, ", ");
  for (const auto& name : question.names) {
    check_allowed(question, name, out);
    check_denied(question, name, out);
    check_form(question, name, out);
    if (is_public) check_public(name, out);
  }
  for (const auto& san : question.request.sans) {
    if (holds(rules.san_kinds, san.kind)) continue;
    out.push_back({"names.san_kinds", to_string(san), kind_list,
                   "Name " + printable(to_string(san)) + " not allowed in profile " + rules.name,
                   "Use names of kind " + kind_list, ""});
  }
  const auto count = question.request.sans.size();
  if (count > rules.max_sans) {
    const auto limit = std::to_string(rules.max_sans);
    out.push_back({"names.max_sans", std::to_string(count), limit,
                   std::to_string(count) + " names above maximum " + limit,
                   "Use at most " + limit + " names, or several certificates", ""});
  }
}

/// format_duration refuses nothing, but a negative validity has no exact form in its units.
std::string shown(Duration validity) {
  return validity > Duration{} ? format_duration(validity) : "0s";
}

void check_validity(const Question& question, Duration max, Duration preferred, Violations& out) {
  const auto validity = question.request.validity;
  const auto limit = format_duration(max);
  if (validity > max) {
    out.push_back({"validity.max", shown(validity), limit, "Validity " + shown(validity) + " above maximum " + limit,
                   "Use a validity of at most " + limit, "--validity " + format_duration(std::min(max, preferred))});
  }
  if (validity < std::chrono::seconds(1)) {
    out.push_back({"validity.min", shown(validity), "1s", "Validity " + shown(validity) + " below minimum 1s",
                   "Use a validity of at most " + limit, "--validity " + format_duration(std::min(max, preferred))});
  }
}

void check_reuse(const Question& question, Violations& out) {
  const auto& [request, rules, family, bits, names] = question;
  if (!request.key_reused) return;
  if (!rules.key_reuse) {
    out.push_back({"reuse.key", "reused", "new key", "Key reuse not allowed in profile " + rules.name, "Make a new key",
                   "--new-key"});
  }
  if (rules.max_key_age && (!request.key_age || *request.key_age > *rules.max_key_age)) {
    const auto limit = format_duration(*rules.max_key_age);
    const auto age = request.key_age ? shown(std::chrono::floor<std::chrono::seconds>(*request.key_age)) : "unknown";
    out.push_back(
        {"reuse.max_key_age", age, limit, "Key age " + age + " above maximum " + limit, "Make a new key", "--new-key"});
  }
}

/// A user's own name: the user name, or behind a plus what no user name can have, or an e-mail address of that mailbox
/// in a domain that the policy allows by name. A UPN logs somebody in, so nothing may be added to it.
bool is_own_name(const Question& question, const San& name) {
  const std::string_view actor = question.request.actor;
  const bool mailbox = name.kind == SanKind::email || name.kind == SanKind::upn;
  const auto own = [&](std::string_view text) {
    const bool extended = name.kind != SanKind::upn && lower(text).starts_with(std::string(actor) + "+");
    return lower(text) == actor || extended;
  };
  if (actor.empty()) return false;
  if (own(name.value)) return true;
  if (!mailbox || !own(name.value.substr(0, name.value.rfind('@')))) return false;
  const auto& allowed = question.rules.names_allowed;
  return std::any_of(allowed.begin(), allowed.end(), [&](const auto& p) { return pattern_allows(p, name); });
}

void check_roles(const Question& question, Violations& out) {
  const auto& [request, rules, family, bits, names] = question;
  const auto list = join(rules.roles, ", ");
  const bool asks = needs_approval(rules, request.role);
  const auto refuse = [&](const std::string& value, const std::string& limit, const std::string& message,
                          const std::string& suggestion, const std::string& flag = {}) {
    out.push_back({"roles", value, limit, message, suggestion, flag});
  };
  if (!holds(rules.roles, request.role) && !asks) {
    refuse(request.role, list, "Role " + printable(request.role) + " may not issue profile " + rules.name,
           "Ask somebody whose role is " + list);
  }
  if (request.role != "user") return;
  if (request.owner != request.actor) {
    refuse(request.owner, request.actor, "Role user may not issue for owner " + printable(request.owner),
           "Issue for yourself", "--owner " + request.actor);
  }
  if (request.action == PolicyRequest::Action::renew) return;  // the names were approved when it was issued
  if (asks) return;                                            // whoever approves looks at the names
  auto all = names;
  if (!request.name.empty()) all.push_back(name_of_text(request.name));
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  for (const auto& name : all) {
    if (is_own_name(question, name)) continue;
    refuse(name.value, request.actor, "Role user may not issue for name " + printable(name.value),
           "Use your own user name", request.actor);
  }
}

}  // namespace

bool needs_approval(const ProfileRules& rules, std::string_view role) {
  return holds(rules.approval, role);
}

Decision Policy::decide(const PolicyRequest& request, Time at) const {
  const auto question = question_of(request, profile(request.profile));
  const auto& rules = question.rules;
  Decision decision{version_, {}};
  check_key(question, request.key_denied || denies_key(request.public_key_sha256), decision.violations);
  check_names(question, preset_ == "cabf" && holds(rules.eku, std::string_view("serverAuth")), decision.violations);
  check_validity(question, max_validity(rules, at), default_validity(rules, at), decision.violations);
  check_reuse(question, decision.violations);
  check_roles(question, decision.violations);
  return decision;
}

}  // namespace ymgr
