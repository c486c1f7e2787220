#include "report/report.hpp"

#include "report/words.hpp"

namespace ymgr {
namespace {

constexpr Duration default_expiring = std::chrono::hours(24) * 30, default_revoked = std::chrono::hours(24) * 7;

std::int64_t count(sql::Connection& db, std::string_view where, std::initializer_list<sql::Value> params) {
  std::int64_t rows = 0;
  db.run("SELECT count(*) FROM " + std::string(where), params, [&](const sql::Row& row) { rows = row.integer(0); });
  return rows;
}

/// Each condition names the status in its text: the partial indexes hang on that.
void count_all(sql::Connection& db, const ReportWindow& window, Report& report) {
  const auto at = to_micros(window.at);
  const auto expiring_from = to_micros(window.expiring_from), expiring_to = to_micros(window.expiring_to);
  const auto revoked_from = to_micros(window.revoked_from), revoked_to = to_micros(window.revoked_to);
  report.active = count(db, "certificates WHERE status = 'active' AND expires_at >= $1", {at});
  report.expired = count(db, "certificates WHERE status = 'active' AND expires_at < $1", {at});
  report.expiring =
      count(db, "certificates WHERE status = 'active' AND expires_at BETWEEN $1 AND $2", {expiring_from, expiring_to});
  report.revoked =
      count(db, "certificates WHERE status = 'revoked' AND revoked_at BETWEEN $1 AND $2", {revoked_from, revoked_to});
  report.offending =
      count(db, "certificates WHERE status = 'active' AND violations IS NOT NULL AND expires_at >= $1", {at});
  report.due = count(db, "certificates WHERE status = 'active' AND renew_at <= $1", {at});
  report.due_on_devices =
      count(db, "certificates WHERE status = 'active' AND renew_at <= $1 AND device IS NOT NULL", {at});
  report.tracked = count(db, "tracked_certificates WHERE status = 'tracked'", {});
  report.hooks_pending = count(db, "certificates WHERE hook_state = 'pending' AND status = 'active'", {});
  report.notices_owed = count(db, "notifications WHERE state IN ('owed','sending')", {});
  report.operations_open = count(db, "operations WHERE state IN ('open','waiting')", {});
}

std::string messages(std::string_view violations) {
  const Json list = parse_json(violations);
  std::string text;
  for (const auto& violation : list.items()) {
    if (!text.empty()) text += "; ";
    text += violation.text_or("message", violation.text_or("rule", "unnamed violation"));
  }
  return text;
}

std::vector<ReportItem> fetch(sql::Connection& db, const std::string& where, std::vector<sql::Value> params,
                              std::int64_t limit) {
  std::string text =
      "SELECT cert_id, name, owner, profile, serial_number, expires_at, revoked_at, revocation_reason, violations, "
      "device, slot FROM "
      "certificates " +
      where;
  if (limit > 0) {
    params.emplace_back(limit);
    text += " LIMIT $" + std::to_string(params.size());
  }
  std::vector<ReportItem> items;
  db.run(text, params, [&](const sql::Row& row) {
    auto& item = items.emplace_back(ReportItem{std::string(row.text(0)),
                                               std::string(row.text(1)),
                                               std::string(row.text(2)),
                                               std::string(row.text(3)),
                                               std::string(row.text(4)),
                                               from_micros(row.integer(5)),
                                               {},
                                               {},
                                               std::string(row.text(9)),
                                               std::string(row.text(10))});
    if (!row.is_null(6)) item.revoked_at = from_micros(row.integer(6));
    item.note = row.is_null(7) ? row.is_null(8) ? "" : messages(row.text(8)) : std::string(row.text(7));
  });
  return items;
}

void fetch_all(sql::Connection& db, const ReportWindow& window, std::int64_t limit, Report& report) {
  report.expiring_items =
      fetch(db, "WHERE status = 'active' AND expires_at BETWEEN $1 AND $2 ORDER BY expires_at, cert_id",
            {to_micros(window.expiring_from), to_micros(window.expiring_to)}, limit);
  report.revoked_items =
      fetch(db, "WHERE status = 'revoked' AND revoked_at BETWEEN $1 AND $2 ORDER BY revoked_at DESC, cert_id",
            {to_micros(window.revoked_from), to_micros(window.revoked_to)}, limit);
  report.offending_items =
      fetch(db, "WHERE status = 'active' AND violations IS NOT NULL AND expires_at >= $1 ORDER BY expires_at, cert_id",
            {to_micros(window.at)}, limit);
}

}  // namespace

double Report::compliance_percent() const noexcept {
  return percent_of(active - offending, active);
}

ReportWindow default_window(Time at) noexcept {
  return {at, at, at + default_expiring, at - default_revoked, at};
}

Report make_report(sql::Connection& db, const ReportWindow& window, std::int64_t limit) {
  Report report;
  db.transaction(sql::Access::read, [&] {
    report = {};
    report.window = window;
    count_all(db, window, report);
    fetch_all(db, window, limit, report);
  });
  return report;
}

}  // namespace ymgr
