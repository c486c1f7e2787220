// A signed chain of fifty rows, and hands that may touch it.
#pragma once
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "audit/audit.hpp"
#include "base/text.hpp"
#include "support/database.hpp"

namespace ymgr::test {

struct Chain {
  TestDatabase db;
  audit::HeadSigner signer = audit::HeadSigner::create(*db, test_data_key());
  static constexpr std::int64_t length = 50;

  Chain() {
    for (int i = 0; i < length; ++i) append("event-" + std::to_string(i + 1), &signer);
  }
  void append(const std::string& event, const audit::HeadSigner* by) const {
    db->transaction(sql::Access::write, [&] {
      audit::append(*db, "anna", {{"req-1", event, "target", Json::object({{"n", 1}, {"real", 0.5}})}}, by);
    });
  }
  /// What somebody does who has the file and no key.
  void attack(const std::string& text) const { db->run(text, {}); }
  void drop_triggers() const {
    if (db->dialect() == sql::Dialect::postgres) return attack("ALTER TABLE audit_events DISABLE TRIGGER ALL");
    for (const auto* name : {"chain", "fixed", "keep"}) attack(std::string("DROP TRIGGER audit_events_") + name);
  }
  audit::Row row(std::int64_t seq) const { return audit::list(*db, {.after_seq = seq - 1, .limit = 1}).at(0); }
  std::string hash(std::int64_t seq) const {
    return seq == 0 ? std::string(64, '0') : text_of(*db, "SELECT hash FROM audit_events WHERE seq = $1", {seq});
  }
  /// Gives rows first..last and the head fresh hashes, as the trigger would.
  void rehash(std::int64_t first, std::int64_t last) const {
    for (auto seq = first; seq <= last; ++seq)
      db->run("UPDATE audit_events SET hash = $1 WHERE seq = $2", {audit::chain_hash(row(seq), hash(seq - 1)), seq});
  }
  void head_to(std::int64_t seq) const { db->run("UPDATE audit_head SET seq = $1, hash = $2", {seq, hash(seq)}); }
};

/// "changed 17" and so on, in order.
inline std::string names(const audit::Verification& result) {
  std::vector<std::string> all;
  for (const auto& finding : result.findings) all.push_back(finding.kind + " " + std::to_string(finding.seq));
  return join(all, ", ");
}

}  // namespace ymgr::test
