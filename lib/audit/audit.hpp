// Audit Agent: append-only rows, hash-chained by the database, head signed.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/clock.hpp"
#include "base/crypto.hpp"
#include "secrets/secret_store.hpp"
#include "sql/connection.hpp"

namespace ymgr::audit {

struct Event {
  std::string request_id;  // may be empty: login, export
  std::string event;       // "issue.requested", "policy.approved", "key_created", …
  std::string target;      // certificate name, user, serial
  Json data;               // object; never a secret
};

/// Signs heads. Its Ed25519 seed stands sealed in secrets at "audit/head-key".
class HeadSigner {
 public:
  HeadSigner(std::string key_id, SigningKeys keys);
  /// Makes the key and notes its public half in settings ("audit.head_key"). Once per profile.
  static HeadSigner create(sql::Connection&, const DataKey&);
  static HeadSigner open(sql::Connection&, const DataKey&);
  const std::string& key_id() const noexcept { return key_id_; }
  std::string sign(std::string_view message) const;  // base64

 private:
  std::string key_id_;
  SigningKeys keys_;
};

/// Appends inside the caller's transaction; the last statements of it. `signer` null (auditor, ca serve): the rows stay
/// unsigned until a session that has the key signs.
void append(sql::Connection&, std::string_view actor, const std::vector<Event>&, const HeadSigner* signer);

struct Row {
  std::int64_t seq = 0;
  Time at;
  std::string actor, request_id, event, target, data, hash;
};
struct Query {
  std::string request_id, event, target, actor;  // empty: any; event may end in '*'
  std::optional<Time> from, to;
  std::int64_t after_seq = 0, limit = 1000;  // oldest first; negative limit: the last -limit rows
};
std::vector<Row> list(sql::Connection&, const Query&);

/// The hash of a row as the database's trigger computes it.
std::string chain_hash(const Row&, std::string_view previous_hash);

struct Finding {
  std::int64_t seq = 0;
  std::string kind;     // "changed", "removed", "reordered", "head", "signature", "added"
  std::string message;
};
struct Verification {
  std::int64_t rows = 0, signed_rows = 0, unsigned_rows = 0;
  std::string head;
  std::vector<Finding> findings;  // empty: the chain holds
};
/// Reads the whole chain, in constant memory. `public_key`: 32 bytes of the head key as the caller knows it, or empty: the
/// one in settings.
Verification verify(sql::Connection&, std::string_view public_key);

/// JSON Lines: one row a line, the last line is the signed head.
void export_rows(sql::Connection&, const Query&, const std::function<void(std::string_view line)>& write);
struct Checkpoint {
  std::int64_t seq = 0;
  std::string hash, key_id, public_key, signature;  // base64
  Time at;
};
Json to_json(const Checkpoint&);
/// @throws Error checkpoint-invalid
Checkpoint parse_checkpoint(std::string_view json);
/// Signs the present head.
Checkpoint make_checkpoint(sql::Connection&, const HeadSigner&);
/// Does the database still contain the row the checkpoint names, with that hash?
std::optional<Finding> compare(sql::Connection&, const Checkpoint&);
/// An exported file against a checkpoint, without any database.
Verification verify_export(std::string_view jsonl, const Checkpoint&);

}  // namespace ymgr::audit
