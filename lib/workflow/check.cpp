#include "workflow/check.hpp"

namespace ymgr {
namespace {

void find(CheckResult& result, Health health, std::string reason) {
  result.health = std::max(result.health, health);
  result.reasons.push_back(std::move(reason));
}

void check_times(CheckResult& result, Time not_before, Time expires_at, Time at) {
  if (not_before > at)
    find(result, Health::due, "not valid before " + format_time(not_before) + ": look at the clock");
  else if (expires_at < at)
    find(result, Health::expired,
         "expired on " + format_time(expires_at) + " (" + describe_distance(at, expires_at) + ")");
  else if (result.due_at <= at)
    find(result, Health::due,
         "due since " + format_time(result.due_at) + ", expires on " + format_time(expires_at) + " (" +
             describe_distance(at, expires_at) + ")");
}

std::string successor_of(sql::Connection& db, const CertificateRow& row) {
  for (const auto& other : inventory::lineage(db, row))
    if (other.renewed_from == row.cert_id) return " by " + other.cert_id;
  return {};
}

void check_place(CheckResult& result, const CertificateRow& row, const HostPlace& here) {
  if (row.installation.empty() || row.host != here.host) return;
  result.place = installation::load(here.installations, row.installation);
  if (!result.place) {
    find(result, Health::due, "no installation file for " + row.installation + " in " + here.installations);
    return;
  }
  result.fault = installation::delivery_fault(*result.place, parse_certificate(row.pem));
  if (!result.fault.empty()) find(result, Health::due, "installed files differ from the inventory: " + result.fault);
}

}  // namespace

std::string_view to_string(Health health) noexcept {
  switch (health) {
    case Health::good: return "good";
    case Health::due: return "due";
    case Health::expired: return "expired";
    case Health::revoked: return "revoked";
  }
  return "good";
}

int check_exit(Health health) noexcept {
  if (health == Health::good) return 0;
  return health == Health::due ? 11 : 12;
}

CheckResult check_certificate(sql::Connection& db, const CertificateRow& row, const std::optional<RenewBefore>& before,
                              const HostPlace& here, Time at) {
  CheckResult result;
  result.due_at = before ? before->due_at(row.not_before, row.expires_at) : row.renew_at;
  if (row.status == CertificateStatus::revoked)
    find(result, Health::revoked,
         "revoked on " + format_time(row.revoked_at.value_or(at)) + " for " + row.revocation_reason);
  if (row.status == CertificateStatus::superseded && row.expires_at >= at)
    find(result, Health::due, "superseded" + successor_of(db, row));
  else
    check_times(result, row.not_before, row.expires_at, at);
  if (row.status != CertificateStatus::active) return result;
  check_place(result, row, here);
  if (row.hook_state == "pending")
    find(result, Health::due,
         "its deploy hook is still owed" + (row.hook_message.empty() ? "" : ": " + row.hook_message));
  return result;
}

CheckResult check_dates(const Certificate& certificate, const std::optional<RenewBefore>& before, Time at) {
  CheckResult result;
  const auto &from = certificate.not_before, &to = certificate.not_after;
  result.due_at = before ? before->due_at(from, to) : default_due_at(from, to);
  check_times(result, from, to, at);
  return result;
}

}  // namespace ymgr
