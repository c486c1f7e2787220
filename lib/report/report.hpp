// Reports over the inventory.
#pragma once
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "inventory/inventory.hpp"
#include "sql/connection.hpp"

namespace ymgr {

struct ReportWindow {
  Time at;
  Time expiring_from, expiring_to;  // at .. at + 30 d, or --from --to
  Time revoked_from, revoked_to;    // at - 7 d .. at, or --from --to
};
struct ReportItem {
  std::string cert_id, name, owner, profile, serial;
  Time expires_at;
  std::string note;  // reason of revocation, or the violations' messages
};
struct Report {
  ReportWindow window;
  std::int64_t active = 0, expired = 0, expiring = 0, revoked = 0, offending = 0, hooks_pending = 0, due = 0, operations_open = 0;
  std::vector<ReportItem> expiring_items, revoked_items, offending_items;  // at most `limit` each
  /// 100 when nothing is active.
  double compliance_percent() const noexcept;
};
/// Aggregates come from indexes; memory is flat.
Report make_report(sql::Connection&, const ReportWindow&, std::int64_t limit);
Json to_json(const Report&);
std::string report_text(const Report&);
std::string report_csv(const Report&);  // one row a listed certificate: kind, cert_id, name, …

}  // namespace ymgr
