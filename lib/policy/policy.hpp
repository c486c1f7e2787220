// Policy Agent: rules in YAML; a decision names rule, value, limit, version and suggestion.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "x509/types.hpp"

namespace ymgr {

/// One certificate profile of the policy file, the file's defaults and the preset filled in.
struct ProfileRules {
  std::string name;  // "tls-server"
  KeyAlgorithm default_key = KeyAlgorithm::ec_p256;
  Duration default_validity{};              // zero: not fixed; ask Policy::default_validity either way
  Duration max_validity{};                  // of the file; Policy::max_validity knows the preset's too
  std::vector<std::string> eku, key_usage;  // what certificates of this profile carry, by RFC 5280 name
  std::vector<KeyAlgorithm> algorithms;     // allowed
  int min_rsa_bits = 3072;
  std::vector<std::string> names_allowed, names_denied;  // patterns of policy/names.hpp
  std::vector<SanKind> san_kinds;
  bool name_is_san = false;  // tls profiles add NAME as DNS or IP SAN
  bool wildcards = false;
  bool key_reuse = true;  // on renewal
  std::optional<Duration> max_key_age;
  std::vector<std::string> roles;     // who may issue: admin, operator, user
  std::vector<std::string> approval;  // who may ask, and somebody else must approve
  std::size_t max_sans = 100;
};

/// Requests of that role wait until somebody else approves them.
bool needs_approval(const ProfileRules&, std::string_view role);

struct PolicyRequest {
  enum class Action { issue, renew, resume };
  Action action = Action::issue;    // resume: of an issue; a renewal that is resumed asks as renew
  std::string name, profile, role;  // role of the actor
  std::string actor, owner;         // role user: owner is the actor, and new names are the actor's own
  std::string algorithm;            // as to_string(KeyAlgorithm); or a CSR's own ("rsa-1024", "ec-p521")
  int key_bits = 0;
  std::string key_family;         // "RSA", "EC", "Ed25519"
  std::string public_key_sha256;  // hex; empty when the key is not made yet
  bool key_denied = false;        // the caller looked it up in denied_keys
  bool key_reused = false;
  std::optional<Duration> key_age;
  std::vector<San> sans;  // all of them
  std::string common_name;
  Duration validity{};  // from notBefore through notAfter
};

struct Violation {
  std::string rule;  // "key.min_rsa_bits"
  std::string value, limit;
  std::string message;     // "Key size 2048 below minimum 3072"
  std::string suggestion;  // "Use RSA key size ≥ 3072 bits"
  std::string flag_hint;   // "--key rsa-3072, or --key ec-p256"
  std::string name = {};   // of the certificate, where a decision joins many
};

struct Decision {
  std::string policy_version;
  std::vector<Violation> violations;  // empty: approved
  bool approved() const noexcept { return violations.empty(); }
};

class Policy {
 public:
  /// @throws Error policy-invalid with file, line, column and the nearest key
  static Policy parse(std::string_view yaml, std::string_view file);
  const std::string& version() const noexcept { return version_; }
  const std::string& preset() const noexcept { return preset_; }
  const std::map<std::string, ProfileRules>& profiles() const noexcept { return profiles_; }
  /// @throws Error profile-unknown with the nearest name; with the lines to add where only this file lacks it
  const ProfileRules& profile(std::string_view name) const;
  /// Smallest interval between two renewals of one name.
  Duration min_renew_interval() const noexcept { return min_renew_interval_; }
  /// The longest validity on that day. Under cabf, profiles with serverAuth have at most 398 days, from 2026-03-15 200,
  /// from 2027-03-15 100, from 2029-03-15 47 (CA/Browser Forum, Baseline Requirements 6.3.2).
  Duration max_validity(const ProfileRules& rules, Time at) const;
  /// What a request without --validity gets: the profile's, never above the maximum. Under cabf, profiles with serverAuth
  /// get at most one day less than the preset's maximum, and that when they name none; others then 90 days.
  Duration default_validity(const ProfileRules& rules, Time at) const;
  /// The file's list of denied keys has it. @param sha256  of the public key, hex in any case
  bool denies_key(std::string_view sha256) const;
  /// Every rule is looked at; violations come in the order keys, names, validity, reuse, roles.
  /// @throws Error profile-unknown
  Decision decide(const PolicyRequest&, Time at) const;
  /// The rules as they apply (preset and defaults filled in), for `policy show`.
  Json to_json(Time at) const;

 private:
  std::string version_, preset_;
  std::map<std::string, ProfileRules> profiles_;
  Duration min_renew_interval_{};
  std::vector<std::string> denied_keys_;  // SHA-256 of SPKI, hex
};

/// The file that `ymgr init` writes. @param preset "internal" or "cabf"
std::string default_policy(std::string_view preset);
/// The profile as that file has it, in one line: what a file that was written earlier lacks. nullopt: no such profile.
std::optional<std::string> default_profile(std::string_view name);
/// Throws the Error of a refused decision: "Policy violation: " and the first message, details policy_version, suggestion,
/// request_id (unless empty), violations (JSON text). Code policy-violation, or key-denied when that is all there is.
[[noreturn]] void throw_violation(const Decision&, std::string_view request_id);
/// Objects {name (where it is set), rule, value, limit, message, suggestion, hint}.
Json to_json(const std::vector<Violation>&);

}  // namespace ymgr
