// What the policy is asked of a planned certificate, and what comes of many answers.
#include <algorithm>

#include "base/text.hpp"
#include "workflow/issue.hpp"

namespace ymgr {

PolicyRequest policy_request(sql::Connection& db, inventory::DeniedKeys& denied_keys, const Identity& actor,
                             const CertificateItem& item, PolicyRequest::Action action) {
  PolicyRequest request;
  request.action = action;
  request.name = item.name;
  request.profile = item.profile;
  request.role = to_string(actor.role);
  request.actor = actor.user;
  request.owner = item.owner;
  request.common_name = item.plan.names.common_name;
  request.sans = item.plan.names.sans;
  // A plan that begins later than it is asked for would last longer: CAs let a certificate begin at once.
  request.validity = item.plan.not_after - std::min(item.plan.not_before, now()) + std::chrono::seconds(1);
  request.key_reused = item.key_reused;
  if (item.key_reused) request.key_age = now() - item.key_created_at;
  if (!item.csr.empty()) {  // whoever made the key: this one is signed
    const auto key = item.request ? item.request->key : parse_csr(item.csr).key;
    request.key_family = key.family;
    request.key_bits = key.bits;
    request.algorithm =
        key.algorithm ? std::string(to_string(*key.algorithm)) : lower(key.family) + "-" + std::to_string(key.bits);
    request.public_key_sha256 = hex(key.sha256);
    request.key_denied = denied_keys.contain(request.public_key_sha256);
  } else {
    request.algorithm = to_string(item.algorithm);
    request.key_bits = key_bits(item.algorithm);
    request.key_family = key_family(item.algorithm);
    const auto reused = item.key_reused ? inventory::by_id(db, item.renewed_from) : std::nullopt;
    if (reused) {
      request.public_key_sha256 = reused->public_key_sha256;
      request.key_denied = denied_keys.contain(request.public_key_sha256);
    }
  }
  return request;
}

std::optional<Error> ask_policy(Workbench& bench, const std::vector<CertificateItem>& items,
                                PolicyRequest::Action action, const std::string& request_id,
                                std::vector<audit::Event>& events, const Identity* asks) {
  Decision all;
  inventory::DeniedKeys denied_keys(bench.db);
  for (const auto& item : items) {
    const auto& who = asks ? *asks : bench.session.identity();
    auto decision = bench.policy.decide(policy_request(bench.db, denied_keys, who, item, action), now());
    all.policy_version = decision.policy_version;
    Json data = Json::object({{"policy_version", decision.policy_version}});
    if (!decision.approved()) data.set("violations", to_json(decision.violations));
    events.push_back(
        {request_id, decision.approved() ? "policy.approved" : "policy.refused", item.name, std::move(data)});
    for (auto& violation : decision.violations) {
      violation.name = item.name;
      all.violations.push_back(std::move(violation));
    }
  }
  if (all.approved()) return std::nullopt;
  try {
    throw_violation(all, request_id);
  } catch (const Error& error) {
    return error;
  }
}

}  // namespace ymgr
