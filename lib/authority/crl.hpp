// Certificate revocation lists of the local CA.
#pragma once
#include <string>

#include "authority/store.hpp"

namespace ymgr::ca {

inline constexpr Duration crl_life = std::chrono::days(7);
/// The root key is opened rarely.
inline constexpr Duration root_crl_life = std::chrono::days(365);

/// max(last + 1, Unix seconds), where last is the larger of the database's and the file's; the file is on disk with the new
/// number before this returns. `folder` empty: a new profile, nothing beside the database yet.
std::int64_t next_crl_number(std::int64_t last, const std::string& folder);
/// Signs, reads back and stores the next CRL of `row`.
Crl sign_crl(sql::Connection&, const IssuerRow& row, const Issuer&, const std::string& folder, Duration life);

/// Notes that the revocations of a CA differ from its CRL.
void mark_crl_stale(sql::Connection&, std::string_view issuer_id);
/// Marked, missing, a day old, past half its life, or from the future.
bool is_crl_due(sql::Connection&, const IssuerRow&, Time at);

}  // namespace ymgr::ca
