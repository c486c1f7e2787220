// Why a certificate was or was not renewed.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "audit/audit.hpp"
#include "policy/policy.hpp"
#include "workflow/check.hpp"
#include "workflow/operation.hpp"
#include "workflow/timeline.hpp"

namespace ymgr {

struct Explanation {
  CheckResult check;
  bool renewed_by_due = false;       // `renew --due` on this host takes it when it is due
  std::string threshold;             // "33% of its life left", "30d left (the default)"
  std::vector<std::string> because;  // one sentence each
  std::string next_step;
  std::optional<StoredOperation> operation;  // open or waiting, on this name
  std::vector<audit::Row> events;            // of this name, oldest first, the last ones
  std::vector<Happening> timeline;           // of its lineage
};
/// From inventory, audit trail, operations and this host's installation. `limit`: how many events at most.
Explanation explain_certificate(sql::Connection&, const Policy&, const CertificateRow&, const HostPlace&, Time at,
                                std::int64_t limit);

/// The smallest interval between two renewals of one name.
Duration min_interval(const Policy&, const CertificateRow&);

}  // namespace ymgr
