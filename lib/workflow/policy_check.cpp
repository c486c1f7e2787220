#include "workflow/policy_check.hpp"

#include "workflow/issue.hpp"

namespace ymgr {

PolicyVerdict check_policy(sql::Connection& db, const Policy& policy, const Identity& actor,
                           const PolicyQuestion& question, Time at) {
  const auto& rules = policy.profile(question.profile);
  std::optional<Csr> csr;
  if (!question.csr.empty()) csr = parse_csr(question.csr);
  CertificateItem item;
  item.name = requested_name(question.name, csr ? &*csr : nullptr);
  item.profile = rules.name;
  item.owner = question.owner.empty() ? actor.user : question.owner;
  item.algorithm = question.key.value_or(rules.default_key);
  item.plan.names = requested_names(rules, item.name, csr ? &*csr : nullptr, question.sans);
  item.csr_given = csr.has_value();
  if (csr) item.csr = to_pem(csr->der, "CERTIFICATE REQUEST");
  inventory::DeniedKeys denied_keys(db);
  PolicyVerdict verdict{policy_request(db, denied_keys, actor, item, PolicyRequest::Action::issue), {}};
  verdict.request.validity = question.validity.value_or(policy.default_validity(rules, at));
  verdict.decision = policy.decide(verdict.request, at);
  return verdict;
}

}  // namespace ymgr
