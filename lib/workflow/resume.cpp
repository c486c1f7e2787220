#include "workflow/resume.hpp"

#include "workflow/device_replace.hpp"
#include "workflow/issue.hpp"

namespace ymgr {

ResumeAnswer resume(Workbench& bench, std::string_view id) {
  bench.session.require(Right::resume);
  const auto op = operations::get(bench.db, id);
  operations::take_over(bench, op.request_id);
  return go_on(bench, op);
}

ResumeAnswer go_on(Workbench& bench, const StoredOperation& op) {
  if (op.kind == "revoke") return {op.kind, resume_revoke(bench, op.request_id)};
  if (op.kind == device_kind) return {op.kind, resume_device(bench, op.request_id)};
  if (op.kind == replace_kind) return {op.kind, resume_replacement(bench, op.request_id)};
  if (op.kind == "issue") return {op.kind, resume_certificates(bench, op.request_id, op.kind, "issued")};
  return {op.kind, resume_renewal(bench, op.request_id)};
}

std::vector<std::string> resumable(Workbench& bench) {
  std::vector<std::string> ids;
  for (const auto& op : operations::list(bench.db, bench.session, true, 100'000)) {
    if (!operations::is_held(op, bench.self)) ids.push_back(op.request_id);
  }
  return ids;
}

}  // namespace ymgr
