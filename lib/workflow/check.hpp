// Is a certificate still fine, or is there something to do?
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "inventory/inventory.hpp"
#include "workflow/installation.hpp"

namespace ymgr {

enum class Health { good, due, expired, revoked };
std::string_view to_string(Health) noexcept;
/// 0, 11 due, 12 expired or revoked.
int check_exit(Health) noexcept;

/// What is installed on this host.
struct HostPlace {
  std::string host, installations;
};

struct CheckResult {
  Health health = Health::good;
  Time due_at;
  std::vector<std::string> reasons;   // in words; empty: good
  std::optional<Installation> place;  // of this host
  std::string fault = {};             // how its files differ from the inventory; empty: they don't
};
/// By the inventory, and by the files where the certificate is installed on this host. Due is also: superseded by
/// another, files that differ from the inventory, a deploy hook that is still owed.
CheckResult check_certificate(sql::Connection&, const CertificateRow&, const std::optional<RenewBefore>&,
                              const HostPlace&, Time at);
/// By its dates alone.
CheckResult check_dates(const Certificate&, const std::optional<RenewBefore>&, Time at);

}  // namespace ymgr
