#include <algorithm>

#include "audit/chain.hpp"

namespace ymgr::audit {
namespace {

constexpr std::size_t most_findings = 100;
/// The search for a row's true place takes the cube of this in hashes.
constexpr std::size_t most_suspects = 20;

std::string rows_text(std::int64_t first, std::int64_t last) {
  if (first == last) return "row " + std::to_string(first) + " is";
  return "rows " + std::to_string(first) + " to " + std::to_string(last) + " are";
}

}  // namespace

ChainCheck::ChainCheck(Head head, std::int64_t after_seq, std::string after_hash)
    : head_(std::move(head)), last_seq_(after_seq), last_hash_(std::move(after_hash)) {
  if (head_.signed_seq == after_seq) hash_at_signed_ = last_hash_;
}

void ChainCheck::note(Finding finding) {
  result_.findings.push_back(std::move(finding));
}

void ChainCheck::note_row(std::int64_t seq, const char* kind, std::string message) {
  if (result_.findings.size() < most_findings) note({seq, kind, std::move(message)});
}

void ChainCheck::add(Row row) {
  ++result_.rows;
  if (row.seq <= last_seq_) return add_out_of_order(row);
  if (row.seq <= head_.signed_seq) ++signed_rows_;
  if (row.seq == head_.signed_seq) hash_at_signed_ = row.hash;
  if (row.seq > last_seq_ + 1) {
    if (missing_.size() < most_findings) missing_.push_back({last_seq_ + 1, row.seq - 1});
    last_hash_.reset();
  }
  if (row.seq > head_.seq && first_added_ == 0) first_added_ = row.seq;
  auto hash = row.hash;
  last_seq_ = row.seq;
  if (last_hash_ && chain_hash(row, *last_hash_) != row.hash) {
    if (suspects_.size() < most_suspects)
      suspects_.push_back({std::move(row), *last_hash_});
    else
      note_row(row.seq, "changed", "row " + std::to_string(row.seq) + " does not match its hash");
  }
  last_hash_ = std::move(hash);
}

/// Only files have rows out of order; the database sorts, and a row before the first is nobody's.
void ChainCheck::add_out_of_order(const Row& row) {
  const auto gap = std::ranges::find_if(
      missing_, [&](const Range& range) { return range.first <= row.seq && row.seq <= range.last; });
  const auto name = "row " + std::to_string(row.seq);
  if (gap == missing_.end()) return note_row(row.seq, "added", name + " is there more often than it was written");
  const Range range = *gap;
  missing_.erase(gap);
  if (range.first < row.seq) missing_.push_back({range.first, row.seq - 1});
  if (row.seq < range.last) missing_.push_back({row.seq + 1, range.last});
  note_row(row.seq, "reordered", name + " stands after row " + std::to_string(last_seq_));
}

/// The row itself is whole: it follows a hash that stands elsewhere now, so another row is to blame.
bool ChainCheck::follows_another(const Suspect& suspect) const {
  return std::ranges::any_of(suspects_, [&](const Suspect& other) {
    return other.row.seq != suspect.row.seq && chain_hash(suspect.row, other.row.hash) == suspect.row.hash;
  });
}

/// The place where its content was written, when that can be found; else 0.
std::int64_t ChainCheck::true_place(const Suspect& suspect) const {
  for (const auto& place : suspects_) {
    if (place.row.seq == suspect.row.seq) continue;
    auto moved = suspect.row;
    moved.seq = place.row.seq;
    for (const auto& other : suspects_) {
      for (const auto& previous : {other.previous, other.row.hash}) {
        const auto hash = chain_hash(moved, previous);
        if (std::ranges::any_of(suspects_, [&](const Suspect& any) { return any.row.hash == hash; })) return moved.seq;
      }
    }
  }
  return 0;
}

void ChainCheck::judge_suspects() {
  for (const auto& suspect : suspects_) {
    const auto seq = suspect.row.seq;
    const auto name = "row " + std::to_string(seq);
    if (follows_another(suspect)) continue;
    if (const auto place = true_place(suspect); place != 0) {
      note({seq, "reordered", name + " holds what was written as row " + std::to_string(place)});
    } else {
      note({seq, "changed",
            name + " does not match its hash" +
                (seq > 1 ? ", or row " + std::to_string(seq - 1) + " got another hash" : std::string())});
    }
  }
}

void ChainCheck::judge_missing() {
  const auto known = std::max(head_.seq, head_.signed_seq);
  if (last_seq_ < known) missing_.push_back({last_seq_ + 1, known});
  for (const auto& range : missing_) note({range.first, "removed", rows_text(range.first, range.last) + " missing"});
  if (first_added_ != 0 && head_.there)
    note({first_added_, "added",
          rows_text(first_added_, last_seq_) + " not known to the head, which ends at row " +
              std::to_string(head_.seq)});
}

void ChainCheck::judge_head() {
  if (!head_.there) return note({last_seq_, "head", "the head is missing"});
  if (head_.seq == last_seq_ && last_hash_ && head_.hash != *last_hash_)
    note({head_.seq, "head", "the head has another hash than row " + std::to_string(head_.seq)});
  if (head_.signed_seq > head_.seq || head_.signed_seq < 0)
    note({head_.signed_seq, "head",
          "the head ends at row " + std::to_string(head_.seq) + " but is signed for row " +
              std::to_string(head_.signed_seq)});
}

void ChainCheck::judge_signature(std::string_view public_key) {
  if (!head_.there) return;
  const auto seq = head_.signed_seq;
  const auto fault = [&](std::string message) {
    signed_rows_ = 0;
    note({seq, "signature", std::move(message)});
  };
  if (public_key.empty()) return fault("no key is known that signs the head");
  if (head_.signature.empty()) return fault("the head is not signed");
  if (!is_signed_by(public_key, seq, head_.signed_hash, head_.signature))
    return fault("the head is not signed by the key " + key_id_of(public_key));
  if (hash_at_signed_ && *hash_at_signed_ != head_.signed_hash)
    fault("row " + std::to_string(seq) + " has another hash than was signed: it or rows before it were rewritten");
}

Verification ChainCheck::finish(std::string_view public_key, HeadSignature signature) {
  judge_suspects();
  judge_missing();
  judge_head();
  if (signature == HeadSignature::expected || !head_.signature.empty()) judge_signature(public_key);
  std::ranges::stable_sort(result_.findings, {}, &Finding::seq);
  result_.head = last_hash_.value_or("");
  result_.signed_rows = signed_rows_;
  result_.unsigned_rows = result_.rows - signed_rows_;
  return std::move(result_);
}

Verification verify(sql::Connection& connection, std::string_view public_key, HeadSignature signature) {
  Verification result;
  connection.transaction(sql::Access::read, [&] {
    const auto known = public_key.empty() ? head_key_in_settings(connection) : std::string(public_key);
    ChainCheck check(read_head(connection), 0, std::string(first_hash));
    connection.run("SELECT " + std::string(row_columns) + " FROM audit_events ORDER BY seq", {},
                   [&](const sql::Row& row) { check.add(row_of(row)); });
    result = check.finish(known, signature);
  });
  return result;
}

}  // namespace ymgr::audit
