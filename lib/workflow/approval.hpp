// Four eyes: where the policy's `approval` names the requester's role, key and request are made and the certificate is not signed until
// somebody else approves, whose own credentials sign it.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "workflow/resume.hpp"

namespace ymgr {

/// What is looked at before it is signed.
struct ApprovalRequest {
  StoredOperation operation;
  std::vector<CertificateItem> items;              // those that wait for it; their request is made, and read
  std::map<std::string, CertificateRow> replaced;  // by cert_id: what they would replace
  std::optional<Error> against;                    // why nobody can approve it: it can only be denied
};
/// @throws Error operation-not-found, operation-ended · operation-running: the requester works on it · role-denied: one's own, or no
/// right to approve · usage: it waits for no approval
ApprovalRequest approval_request(Workbench&, std::string_view id);

/// Signs what was looked at, also where an approval before this one came to no signature, as the policy of today has it for the approver, and goes on as far as this host can: what ends in
/// files of another host is delivered there, by the requester's `ymgr resume`.
/// @throws Error what speaks against it · version-conflict: it is not what was looked at any more; and what approval_request throws
CertificateAnswer approve(Workbench&, const ApprovalRequest&, std::string_view note);

/// The operation ends as refused (approval-denied), and its requester is told the note. @throws Error as approval_request
void deny(Workbench&, const ApprovalRequest&, std::string_view note);

}  // namespace ymgr
