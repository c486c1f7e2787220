// Certificates from elsewhere that are watched: a table of their own, so that nothing takes them for ours.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "inventory/inventory.hpp"
#include "sql/connection.hpp"
#include "x509/certificate.hpp"

namespace ymgr {

struct TrackedRow {
  std::string track_id;      // "track-…"
  std::string source, host;  // "file:/etc/ssl/www.pem", "tls:www.example.com:443", "ca:4A:3F"; the host that looked
  std::string name, subject;
  std::vector<std::string> sans;  // "dns:…"
  std::string serial, issuer, key_algorithm, public_key_sha256;
  Time not_before, expires_at, renew_at;
  std::string fingerprint, pem, owner;
  std::string profile, installation;  // of its successor from our CA; empty: it is renewed elsewhere
  std::string status = "tracked";     // or replaced, untracked
  Time tracked_at, seen_at;
  std::string tracked_by;
};

namespace tracked {

/// What a certificate says of itself. Named after its common name, else its first name.
TrackedRow row_of(const Certificate&);

/// added: not known from there · changed: another certificate than the last time, or under other conditions
enum class Change { added, changed, unchanged };
std::string_view to_string(Change) noexcept;
/// By host and source; fills in the id, and what nobody gave: owner, profile and installation stay what they were (an owner that
/// nobody ever gave is who tracks it). What was untracked is tracked anew; what was replaced stays so until another certificate is there, or
/// another successor is asked for. In the caller's transaction.
Change put(sql::Connection&, TrackedRow&);
/// Soonest expiry first; only those that are tracked now. Conditions of `selection`: name, owner, host, expires-before,
/// expires-after, status; others fit none of them.
std::vector<TrackedRow> list(sql::Connection&, const Selection& selection);
/// By their own renew_at, or when so much of their life is left.
std::vector<TrackedRow> due(sql::Connection&, const std::optional<RenewBefore>&, Time at);
/// Those whose end is later than `from` and not later than `to`, soonest first.
std::vector<TrackedRow> ending(sql::Connection&, Time from, Time to);
/// By id, source or name. @throws Error certificate-not-found, certificate-ambiguous
TrackedRow resolve(sql::Connection&, std::string_view argument);
/// `status`: replaced or untracked.
void end(sql::Connection&, std::string_view track_id, std::string_view status, Time at);
std::optional<Time> next_expiry(sql::Connection&);
/// One of ours: our CA's certificate of that serial number is in the inventory.
bool is_ours(sql::Connection&, const Certificate&);
Json to_json(const TrackedRow&, Time at);
/// The members of a certificate of the inventory, with the status tracked or expired.
Json as_certificate(const TrackedRow&, Time at);

}  // namespace tracked
}  // namespace ymgr
