// Reports over the inventory.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "inventory/inventory.hpp"
#include "sql/connection.hpp"

namespace ymgr {

/// Both ends belong to a window.
struct ReportWindow {
  Time at;
  Time expiring_from, expiring_to;  // at .. at + 30 d, or --from --to
  Time revoked_from, revoked_to;    // at - 7 d .. at, or --from --to
};
struct ReportItem {
  std::string cert_id, name, owner, profile, serial;
  Time expires_at;
  std::optional<Time> revoked_at;
  std::string note;          // reason of revocation, or the violations' messages
  std::string device, slot;  // of a key on a YubiKey; or empty
};
struct Report {
  ReportWindow window;
  std::int64_t active = 0, expired = 0, expiring = 0, revoked = 0, offending = 0, hooks_pending = 0, notices_owed = 0,
               due = 0, due_on_devices = 0, tracked = 0, operations_open = 0;
  std::vector<ReportItem> expiring_items, revoked_items, offending_items;  // at most `limit` each
  /// Share of the active certificates that comply, in steps of 0.1 and never rounded up. 100 when nothing is active.
  double compliance_percent() const noexcept;
};
/// The default windows: expiring in the next 30 days, revoked in the last 7.
ReportWindow default_window(Time at) noexcept;
/// Active: neither superseded, revoked nor expired; expired: not replaced. Expiring and offending are ordered by expiry, revoked
/// newest first. Aggregates come from indexes; memory is flat. `limit` 0: all items.
Report make_report(sql::Connection&, const ReportWindow&, std::int64_t limit);
Json to_json(const Report&);
/// For people, with the dates of both windows.
std::string report_text(const Report&);
std::string report_csv(const Report&);  // one row a listed certificate: kind, cert_id, name, …

}  // namespace ymgr
