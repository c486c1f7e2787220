// Going on with what stopped half-way.
#pragma once
#include <string>
#include <variant>
#include <vector>

#include "workflow/device_item.hpp"
#include "workflow/renew.hpp"
#include "workflow/revoke.hpp"

namespace ymgr {

struct ResumeAnswer {
  std::string kind;  // "issue", "renew", "revoke", "device", "replace"
  std::variant<CertificateAnswer, RenewAnswer, RevokeAnswer, DeviceAnswer> answer;
};

/// `id`: req-… or resume-…. @throws Error operation-not-found, operation-ended, operation-running, policy-violation
ResumeAnswer resume(Workbench&, std::string_view id);
/// The same of one that this process has taken over.
ResumeAnswer go_on(Workbench&, const StoredOperation&);
/// Request ids of every operation that nobody holds.
std::vector<std::string> resumable(Workbench&);

}  // namespace ymgr
