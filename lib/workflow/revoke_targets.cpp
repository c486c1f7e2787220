// Which certificates a revocation reaches.
#include <set>

#include "workflow/genuine.hpp"
#include "workflow/revoke.hpp"
#include "workflow/revoke_item.hpp"

namespace ymgr {
namespace {

Json asked_json(const std::set<std::string>& ids, const Selection& selection) {
  Json certificates = Json::array();
  for (const auto& id : ids) certificates.push(id);
  return Json::object({{"certificates", certificates}, {"selection", Json::texts(texts_of(selection))}});
}

}  // namespace

bool stays_revoked(const CertificateRow& row, Reason reason) {
  if (row.status != CertificateStatus::revoked) return false;
  const bool raises = reason == Reason::key_compromise && row.revocation_reason != to_string(Reason::key_compromise);
  const bool ends_hold =
      row.revocation_reason == to_string(Reason::certificate_hold) && reason != Reason::certificate_hold;
  return !raises && !ends_hold;
}

std::vector<CertificateRow> with_same_keys(Workbench& bench, std::vector<CertificateRow> targets, Time at) {
  std::set<std::string> seen, keys;
  for (const auto& row : targets) {
    seen.insert(row.cert_id);
    if (!against_signed(bench, row)) keys.insert(row.public_key_sha256);
  }
  for (const auto& key : keys)
    for (const auto& other : inventory::by_public_key(bench.db, key))
      if (other.expires_at > at && !seen.contains(other.cert_id) && !against_signed(bench, other)) {
        seen.insert(other.cert_id);
        targets.push_back(other);
      }
  return targets;
}

RevokeTargets revocation_targets(Workbench& bench, const std::vector<std::string>& arguments,
                                 const Selection& selection, Reason reason) {
  const Time at = now();
  RevokeTargets targets;
  std::set<std::string> seen;
  const auto add = [&](const CertificateRow& row) {
    if (seen.insert(row.cert_id).second) targets.rows.push_back(row);
  };
  for (const auto& argument : arguments) add(inventory::resolve(bench.db, argument, at));
  targets.asked = asked_json(seen, selection);
  if (!selection.empty()) {
    inventory::ListQuery query;
    query.selection = selection;
    inventory::list(bench.db, query, at, [&](const CertificateRow& row) {
      if (row.status != CertificateStatus::revoked && row.expires_at > at) add(row);
    });
  }
  if (reason == Reason::key_compromise) targets.rows = with_same_keys(bench, std::move(targets.rows), at);
  return targets;
}

}  // namespace ymgr
