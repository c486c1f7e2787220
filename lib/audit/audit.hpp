// Audit Agent: append-only rows, hash-chained by the database, head signed.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/crypto.hpp"
#include "base/json.hpp"
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
  /// Makes the key, notes its public half (base64) in settings "audit.head_key" and signs the present head, so that a head
  /// without a signature is always a finding. Once per profile. @throws Error version-conflict
  static HeadSigner create(sql::Connection&, const DataKey&);
  /// @throws Error secret-not-found, box-invalid
  static HeadSigner open(sql::Connection&, const DataKey&);
  /// The first 16 hex digits of SHA-256(public key).
  const std::string& key_id() const noexcept { return key_id_; }
  const std::string& public_key() const noexcept { return keys_.public_key; }  // 32 bytes
  std::string sign(std::string_view message) const;                            // base64

 private:
  std::string key_id_;
  SigningKeys keys_;
};

/// Appends inside the caller's transaction; the last statements of it. `signer` null (auditor, ca serve): the rows stay
/// unsigned until a session that has the key signs. Control characters in the texts become '?'.
void append(sql::Connection&, std::string_view actor, const std::vector<Event>&, const HeadSigner* signer);

struct Row {
  std::int64_t seq = 0;
  Time at;
  std::string actor, request_id, event, target, data, hash;
};
struct Query {
  std::string request_id{}, event{}, target{}, actor{};  // empty: any; event may end in '*'
  std::optional<Time> from{}, to{};                      // to: exclusive
  std::int64_t after_seq = 0, limit = 1000;              // oldest first; negative limit: the last -limit rows
};
std::vector<Row> list(sql::Connection&, const Query&);

/// The hash of a row as the database's trigger computes it: SHA-256 over the hash of the row before, seq, at (microseconds)
/// and each text with its length in characters: "HASH|SEQ|AT|5:actor|..." Row 1 follows 64 zeros.
std::string chain_hash(const Row&, std::string_view previous_hash);

struct Finding {
  std::int64_t seq = 0;
  /// "changed", "removed", "reordered", "added" (rows), "head" (does not fit the last row), "signature"
  std::string kind;
  std::string message;
};
struct Verification {
  std::int64_t rows = 0, signed_rows = 0, unsigned_rows = 0;
  std::string head;               // hash of the last row
  std::vector<Finding> findings;  // by seq, a few hundred at most; empty: the chain holds
};
/// `may_lack`: nobody signs the head any more, as in a team, whose checkpoints stand in Vault; one that came with a profile must hold.
enum class HeadSignature { expected, may_lack };
/// Reads the whole chain, in constant memory. `public_key`: 32 bytes of the head key as the caller knows it, or empty: the
/// one in settings. Rows cut off together with a return to an older signed head fit; only a checkpoint shows that.
Verification verify(sql::Connection&, std::string_view public_key, HeadSignature = HeadSignature::expected);

/// JSON Lines: one row a line ("at_us" is what the hash covers), the last line is the signed head. The query's limit is not
/// looked at. An export that leaves out rows does not verify, except that it may begin after the row of a checkpoint.
void export_rows(sql::Connection&, const Query&, const std::function<void(std::string_view line)>& write);
struct Checkpoint {
  std::int64_t seq = 0;
  std::string hash;                           // hex
  std::string key_id, public_key, signature;  // the last two base64; the signature covers seq and hash
  Time at;                                    // for people; not signed
};
Json to_json(const Checkpoint&);
/// Looks at the form only. @throws Error checkpoint-invalid
Checkpoint parse_checkpoint(std::string_view json);
/// Signs the present head.
Checkpoint make_checkpoint(sql::Connection&, const HeadSigner&);
/// Does the database still contain the row the checkpoint names, with that hash? Also a finding: the checkpoint is not
/// signed by the key it names. Whether that key is ours, the caller knows.
std::optional<Finding> compare(sql::Connection&, const Checkpoint&);
/// An exported file against a checkpoint, without any database. @throws Error json-invalid with the line
Verification verify_export(std::string_view jsonl, const Checkpoint&);

}  // namespace ymgr::audit
