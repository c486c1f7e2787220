// The audit trail against what the rows say was done.
#include "base/notice.hpp"
#include "workflow/omitted.hpp"
#include "workflow/reconciliation.hpp"

namespace ymgr::reconciling {

void compare_audit(Reconciliation& run) {
  auto& db = run.bench.db;
  if (!sees_whole_trail(db)) {
    run.bench.notices.warn(
        "this login can't read the whole audit trail: what it leaves out is found by an admin's reconcile or an "
        "auditor's audit verify");
    return;
  }
  for (const auto& one : omitted_records(db))
    run.report("audit_omitted", one.subject, one.message,
               "find out who did it: the logs of Vault and PostgreSQL say more than the database");
}

}  // namespace ymgr::reconciling
