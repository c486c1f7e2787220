// What the renewal of one certificate and that of all that are due have in common.
#pragma once
#include <vector>

#include "workflow/operation.hpp"
#include "workflow/renew.hpp"

namespace ymgr {

/// What the new certificate depends on, besides the old one.
Json manner_of(const RenewOptions&);
void add_items(NewOperation&, const std::vector<CertificateItem>&);
NewOperation operation_of(const std::vector<CertificateItem>&, const RenewOptions&, Json inputs, Time at);
/// Runs planned items with the hooks around them.
void run_with_hooks(Workbench&, const NewOperation&, std::vector<CertificateItem>, RenewAnswer&);
/// 10 when only hooks failed.
void set_exit(RenewAnswer&);
/// What an earlier operation answered, or what comes of going on with it.
void repeat_renewal(Workbench&, const operations::Earlier&, RenewAnswer&);
/// The first end of any active certificate.
std::optional<Time> next_expiry(sql::Connection&);
/// What --dry-run says.
void planned(RenewAnswer&, const std::vector<CertificateItem>&);

}  // namespace ymgr
