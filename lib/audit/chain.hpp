// What appending, verifying and exporting share; nobody outside this folder includes it.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "audit/audit.hpp"

namespace ymgr::audit {

/// What row 1 follows.
inline constexpr std::string_view first_hash = "0000000000000000000000000000000000000000000000000000000000000000";

/// The row of audit_head.
struct Head {
  bool there = false;
  std::int64_t seq = 0, signed_seq = 0;
  std::string hash, signed_hash, signature, key_id;  // signature: base64
};
Head read_head(sql::Connection&);
/// What a head's signature covers.
std::string head_message(std::int64_t seq, std::string_view hash);
std::string key_id_of(std::string_view public_key);
/// `signature` in base64.
bool is_signed_by(std::string_view public_key, std::int64_t seq, std::string_view hash, std::string_view signature);
/// The public head key as settings have it, 32 bytes; empty: none.
std::string head_key_in_settings(sql::Connection&);

/// "seq, at, actor, request_id, event, target, data, hash", and a row of them.
inline constexpr std::string_view row_columns = "seq, at, actor, request_id, event, target, data, hash";
Row row_of(const sql::Row&);
/// " WHERE ..." of a query without its limit, with the parameters that it names; they borrow from `query`.
struct Filter {
  std::string where;
  std::vector<sql::Value> params;
};
Filter filter_of(const Query& query);

/// The checkpoint against the hash that its row has now; empty: no such row.
std::optional<Finding> compare(const Checkpoint&, std::string_view hash_there);
/// The same without its signature.
std::optional<Finding> compare_hash(std::int64_t seq, std::string_view hash, std::string_view hash_there);
/// 64 digits in lower case.
bool is_hash(std::string_view text);

/// Follows a chain row by row in constant memory.
class ChainCheck {
 public:
  /// The rows come after row `after_seq` (0: from the beginning), whose hash is `after_hash`.
  ChainCheck(Head head, std::int64_t after_seq, std::string after_hash);
  void add(Row row);
  void note(Finding finding);
  /// The same, for what may be wrong with every row: dropped after a hundred findings.
  void note_row(std::int64_t seq, const char* kind, std::string message);
  /// `public_key`: 32 bytes; empty: none known, a finding.
  Verification finish(std::string_view public_key, HeadSignature = HeadSignature::expected);

 private:
  struct Suspect {
    Row row;
    std::string previous;  // the hash that stands in the row before
  };
  struct Range {
    std::int64_t first, last;
  };
  void add_out_of_order(const Row& row);
  void judge_suspects();
  bool follows_another(const Suspect& suspect) const;
  std::int64_t true_place(const Suspect& suspect) const;
  void judge_missing();
  void judge_head();
  void judge_signature(std::string_view public_key);

  Head head_;
  std::int64_t last_seq_;
  std::optional<std::string> last_hash_;  // nullopt: rows before it are missing
  std::optional<std::string> hash_at_signed_;
  std::vector<Suspect> suspects_;
  std::vector<Range> missing_;
  std::int64_t signed_rows_ = 0, first_added_ = 0;
  Verification result_;
};

}  // namespace ymgr::audit
