// What the policy would say.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "policy/policy.hpp"
#include "session/session.hpp"
#include "sql/connection.hpp"

namespace ymgr {

struct PolicyQuestion {
  std::string name;  // may be empty with a CSR: its CN or first SAN
  std::string profile = "tls-server";
  std::vector<San> sans;  // beside NAME
  std::optional<KeyAlgorithm> key;
  std::optional<Duration> validity;
  std::string csr;    // PEM or DER; empty: we would make the key
  std::string owner;  // empty: the actor
};

/// The question with everything filled in, and the answer.
struct PolicyVerdict {
  PolicyRequest request;
  Decision decision;
};
/// Asks as `issue` would, and leaves no trace.
/// @throws Error profile-unknown, name-invalid, csr-invalid, csr-bad-signature
PolicyVerdict check_policy(sql::Connection&, const Policy&, const Identity& actor, const PolicyQuestion&, Time at);

}  // namespace ymgr
