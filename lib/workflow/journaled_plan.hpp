// A plan that was read from the journal is judged as if it were asked for now: whoever may write the journal's rows may have changed
// what ymgr planned, and others sign it.
#pragma once
#include <map>
#include <optional>
#include <string>

#include "workflow/issue.hpp"

namespace ymgr {

/// Judges what one operation of issue or renew has not signed yet.
class PlanJudge {
 public:
  PlanJudge(Workbench&, StoredOperation);

  /// Who began it; nullopt: the database knows nobody of that name, or does not show them to this session.
  const std::optional<User>& requester() const noexcept { return requester_; }
  /// Why nobody signs for whom it is: user-disabled.
  std::optional<Error> against_people(const CertificateItem&);
  /// What ymgr would not have planned for that request: user-disabled · policy-violation · installation-invalid · certificate-state: what it
  /// renews is not genuine · and what reading it throws. The policy's own rules are asked elsewhere.
  std::optional<Error> against(CertificateItem&);

 private:
  std::optional<Error> against_all(CertificateItem&);
  std::optional<Error> against_form(const CertificateItem&) const;
  std::optional<Error> against_replacing(CertificateItem&) const;
  std::optional<Error> forged(const CertificateItem&, std::string value, std::string limit,
                              const std::string& what) const;

  Workbench& bench_;
  StoredOperation op_;
  std::optional<User> requester_;
  std::map<std::string, bool> disabled_;  // owners
};

}  // namespace ymgr
