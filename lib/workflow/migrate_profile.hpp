// An embedded profile moves to a team: inventory with its lineage, operations, denied keys, the old CA as a retired one, the audit trail, and
// the secrets of YubiKeys. May be repeated: what stopped half-way is finished, and what the profile revoked since is brought along.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "audit/audit.hpp"
#include "base/files.hpp"
#include "base/notice.hpp"
#include "session/session.hpp"
#include "workflow/migrate_tables.hpp"

namespace ymgr::migrate {

/// The profile, by its admin. Nothing is changed in it but the mark at the end, and the audit event of it.
struct Origin {
  sql::Connection& reader;  // that cannot write: one snapshot of it is moved
  sql::Connection& db;      // another connection to the same
  const Session& session;
  const audit::HeadSigner* signer;
};
/// The team, by who set it up: rows of others come along.
struct Destination {
  sql::Connection& db;  // as the owner of the schema
  SecretStore& secrets;
  std::string context;  // as the configuration calls it
};
struct Order {
  Origin from;
  Destination to;
  std::string audit_file;  // where the trail is kept when the team's has begun already; empty: nowhere
  Existing existing = Existing::refuse;
  Notices& notices;
};

struct Moved {
  std::string name;  // a table, or "device secrets"
  std::int64_t rows = 0, copied = 0, updated = 0, present = 0;
  std::int64_t differing = 0;  // left as the team has them
  bool verified = false;
  std::string content;  // hash over what the team has of these rows; empty for secrets
};
struct MissingPerson {
  std::string name, role;
};
/// A certificate whose key can't come along, or that is to be revoked by its own CA.
struct Left {
  std::string name, serial, what;  // what: key reference, or reason of the revocation
};
struct Lefts {
  std::int64_t count = 0;
  std::vector<Left> first;  // a thousand at most
};
enum class TrailWay { moved, filed };

struct Report {
  std::optional<Time> moved_at;  // this profile was moved before
  std::vector<Moved> tables;
  std::vector<Conflict> conflicts;
  std::vector<MissingPerson> missing_people;  // they have no login in the team
  Lefts sealed_keys;                          // renewal makes keys of the team's
  Lefts to_be_revoked;                        // the team says revoked; the profile's CA must say so, too
  TrailWay trail = TrailWay::moved;
  std::int64_t trail_rows = 0;  // of the profile
  bool changed = false;
  std::string request_id;  // under which both audit trails have it; empty: nothing was done
};

/// Counts and conflicts; changes nothing. @throws Error role-denied · operation-open · chain-broken · database-older
Report look(const Order&);
/// Each table is copied in batches, then compared by count and content; other content under the same key is never overwritten: with such
/// conflicts nothing is changed. @throws Error the same; usage: an audit file is needed; database-failed: what came is not what was sent
Report move(const Order&);

/// What is known in the profile of where it went: the context's name. nullopt: it did not move.
std::optional<std::string> moved_to(sql::Connection& profile);

}  // namespace ymgr::migrate
