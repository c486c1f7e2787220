// Going on with what stopped half-way.
#pragma once
#include <string>
#include <variant>
#include <vector>

#include "workflow/renew.hpp"
#include "workflow/revoke.hpp"

namespace ymgr {

struct ResumeAnswer {
  std::string kind;  // "issue", "renew", "revoke"
  std::variant<CertificateAnswer, RenewAnswer, RevokeAnswer> answer;
};

/// `id`: req-… or resume-…. @throws Error operation-not-found, operation-ended, operation-running, policy-violation
ResumeAnswer resume(Workbench&, std::string_view id);
/// Request ids of every operation that nobody holds.
std::vector<std::string> resumable(Workbench&);

}  // namespace ymgr
