// What happened to a certificate and to those that it was renewed from, in order.
#pragma once
#include <string>
#include <vector>

#include "audit/audit.hpp"
#include "inventory/inventory.hpp"

namespace ymgr {

struct Happening {
  Time at;
  std::string
      what;  // issued, renewed, revoked, hook.done, hook.failed, or another event of the trail; (due), (expires)
  std::string cert_id;  // empty: of the name as a whole
  std::string detail;   // in words; may be empty
  bool ahead = false;   // still to come
};
/// From the inventory, which tells everybody the same, with hooks, refusals and failures of the audit trail as far as the caller
/// may see it (`events`: of this name). What is ahead comes last. Oldest first.
std::vector<Happening> timeline(sql::Connection&, const CertificateRow&, const std::vector<audit::Row>& events,
                                Time at);

}  // namespace ymgr
