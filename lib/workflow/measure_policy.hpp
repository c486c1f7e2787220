// Compliance of every certificate, measured anew when the policy changes.
#pragma once
#include "base/notice.hpp"
#include "inventory/inventory.hpp"
#include "policy/policy.hpp"
#include "sql/connection.hpp"

namespace ymgr {

/// What the policy has against a certificate that stands: keys, names, validity (of the day it was issued), profile. Not
/// who issued it and not whether its key was used before. @return null: nothing
Json violations_of(sql::Connection&, const Policy&, const CertificateRow&);

/// That a policy has no such profile.
Violation profile_gone(const std::string& profile);

/// Notes in the caller's transaction that every certificate is to be measured.
void begin_measuring(sql::Connection&, Time at);
/// Something is left to measure.
bool is_measuring(sql::Connection&);
/// Measures what is left to measure, in groups of 1,000 a transaction; memory stays flat. Several processes share the
/// work; one that is killed is continued by the next that asks for the policy. Ends at once when another policy came into
/// force.
void measure_policy(sql::Connection&, const Policy&, Notices&);

}  // namespace ymgr
