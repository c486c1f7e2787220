#include <functional>

#include "base/text.hpp"
#include "unit/audit/chain_fixture.hpp"

using namespace ymgr;
using test::Chain;
using test::names;

namespace {

struct Attack {
  std::string what;
  std::function<void(const Chain&)> act;
  std::string want;
};

void run(const std::vector<Attack>& attacks) {
  for (const auto& attack : attacks) {
    CAPTURE(attack.what);
    const Chain chain;
    REQUIRE(audit::verify(*chain.db, {}).findings.empty());
    chain.drop_triggers();
    attack.act(chain);
    CHECK(names(audit::verify(*chain.db, {})) == attack.want);
    CHECK(names(audit::verify(*chain.db, chain.signer.public_key())) == attack.want);
  }
}

std::function<void(const Chain&)> by(const std::string& text) {
  return [text](const Chain& chain) { chain.attack(text); };
}

}  // namespace

TEST_CASE("verify names a changed row") {
  std::vector<Attack> attacks;
  for (const auto* change : {"at = at + 1", "actor = 'x'", "request_id = ''", "event = 'event-1'",
                             "target = target || ' '", "data = '{}'", "hash = NULL"})
    attacks.push_back({change, by("UPDATE audit_events SET " + std::string(change) + " WHERE seq = 50"), "changed 50"});
  attacks.back().want += ", head 50, signature 50";
  attacks.push_back({"first", by("UPDATE audit_events SET actor = 'x' WHERE seq = 1"), "changed 1"});
  attacks.push_back({"two", by("UPDATE audit_events SET actor = 'x' WHERE seq IN (7, 30)"), "changed 7, changed 30"});
  if (test::test_dialect() == sql::Dialect::sqlite)  // PostgreSQL has no such character
    attacks.push_back(
        {"NUL behind", by("UPDATE audit_events SET actor = actor || char(0) || 'x' WHERE seq = 7"), "changed 7"});
  attacks.push_back({"moved between columns",
                     by("UPDATE audit_events SET request_id = request_id || '|7:event-7', event = '' WHERE seq = 7"),
                     "changed 7"});
  run(attacks);
}

TEST_CASE("verify names a row whose hash was changed with it") {
  run({{"one row",
        [](const Chain& chain) {
          chain.attack("UPDATE audit_events SET actor = 'x' WHERE seq = 17");
          chain.rehash(17, 17);
        },
        "changed 18"},
       {"all rows after it",
        [](const Chain& chain) {
          chain.attack("UPDATE audit_events SET actor = 'x' WHERE seq = 17");
          chain.rehash(17, 50);
        },
        "head 50, signature 50"},
       {"all rows and the head",
        [](const Chain& chain) {
          chain.attack("UPDATE audit_events SET actor = 'x' WHERE seq = 17");
          chain.rehash(17, 50);
          chain.head_to(50);
        },
        "signature 50"},
       {"all rows, the head and what was signed",
        [](const Chain& chain) {
          chain.attack("UPDATE audit_events SET actor = 'x' WHERE seq = 17");
          chain.rehash(17, 50);
          chain.head_to(50);
          chain.attack("UPDATE audit_head SET signed_hash = hash");
        },
        "signature 50"}});
}

TEST_CASE("verify names removed rows") {
  run({{"one", by("DELETE FROM audit_events WHERE seq = 17"), "removed 17"},
       {"some", by("DELETE FROM audit_events WHERE seq IN (17, 18, 30)"), "removed 17, removed 30"},
       {"the first", by("DELETE FROM audit_events WHERE seq <= 3"), "removed 1"},
       {"the last", by("DELETE FROM audit_events WHERE seq > 48"), "removed 49"},
       {"all", by("DELETE FROM audit_events"), "removed 1"},
       {"the last, and the head put back",
        [](const Chain& chain) {
          chain.attack("DELETE FROM audit_events WHERE seq > 48");
          chain.head_to(48);
        },
        "removed 49, head 50"},
       {"one, and those after it renumbered",
        [](const Chain& chain) {
          chain.attack("DELETE FROM audit_events WHERE seq = 45");
          for (int seq = 46; seq <= 50; ++seq)
            chain.attack("UPDATE audit_events SET seq = seq - 1 WHERE seq = " + std::to_string(seq));
        },
        "changed 45, reordered 46, reordered 47, reordered 48, changed 49, removed 50"},
       {"one, all rehashed and renumbered",
        [](const Chain& chain) {
          chain.attack("DELETE FROM audit_events WHERE seq = 45");
          for (int seq = 46; seq <= 50; ++seq)
            chain.attack("UPDATE audit_events SET seq = seq - 1 WHERE seq = " + std::to_string(seq));
          chain.rehash(45, 49);
          chain.head_to(49);
        },
        "removed 50, head 50"}});
}

TEST_CASE("verify names reordered rows") {
  const auto swap_rows = [](int a, int b) {
    return [a, b](const Chain& chain) {
      const auto move = [&](int from, int to) {
        chain.attack("UPDATE audit_events SET seq = " + std::to_string(to) + " WHERE seq = " + std::to_string(from));
      };
      move(a, 999);
      move(b, a);
      move(999, b);
    };
  };
  run({{"apart, with their hashes", swap_rows(10, 20), "reordered 10, reordered 20"},
       {"neighbours, with their hashes", swap_rows(10, 11), "reordered 10, reordered 11"},
       {"two pairs",
        [&](const Chain& chain) {
          swap_rows(10, 20)(chain);
          swap_rows(30, 31)(chain);
        },
        "reordered 10, reordered 20, reordered 30, reordered 31"},
       {"their contents only",
        [](const Chain& chain) {
          chain.attack(
              "UPDATE audit_events SET (at, event) = (SELECT at, event FROM audit_events o WHERE o.seq = 20) WHERE seq "
              "= 10");
          chain.db->run("UPDATE audit_events SET (at, event) = ($1, 'event-10') WHERE seq = 20",
                        {to_micros(chain.row(9).at)});
          chain.attack("UPDATE audit_events SET at = (SELECT at FROM audit_events o WHERE o.seq = 9) WHERE seq = 20");
        },
        "reordered 10, changed 20"}});
}

TEST_CASE("verify names rows that were added behind the head") {
  const auto insert = std::string(
      "INSERT INTO audit_events (seq, at, actor, request_id, event, target, data, hash) VALUES (51, 0, 'x', '', 'e', "
      "'t', "
      "'{}', 'h')");
  run({{"with any hash", by(insert), "changed 51, added 51"},
       {"with a right hash",
        [&](const Chain& chain) {
          chain.attack(insert);
          chain.rehash(51, 51);
        },
        "added 51"},
       {"far behind",
        by("INSERT INTO audit_events SELECT 90, at, actor, request_id, event, target, data, hash FROM audit_events "
           "WHERE seq = 1"),
        "removed 51, added 90"},
       {"before the first",
        by("INSERT INTO audit_events SELECT -1, at, actor, request_id, event, target, data, hash FROM audit_events "
           "WHERE seq = 1"),
        "added -1"}});
}

TEST_CASE("verify names what was done to the head") {
  run({{"hash", by("UPDATE audit_head SET hash = signature"), "head 50"},
       {"back", by("UPDATE audit_head SET seq = 40"), "added 41, head 50"},
       {"forward", by("UPDATE audit_head SET seq = 60"), "removed 51"},
       {"gone", by("DELETE FROM audit_head"), "head 50"},
       {"signature gone", by("UPDATE audit_head SET signature = ''"), "signature 50"},
       {"as if never signed", by("UPDATE audit_head SET signed_seq = 0, signed_hash = '', signature = '', key_id = ''"),
        "signature 0"},
       {"other signature", by("UPDATE audit_head SET signature = 'AAAA'"), "signature 50"},
       {"signed seq", by("UPDATE audit_head SET signed_seq = 49"), "signature 49"},
       {"signed hash", by("UPDATE audit_head SET signed_hash = (SELECT hash FROM audit_events WHERE seq = 49)"),
        "signature 50"}});
}

TEST_CASE("verify does not take another key for ours") {
  const Chain chain;
  const auto stranger = make_signing_keys();
  CHECK(names(audit::verify(*chain.db, stranger.public_key)) == "signature 50");
  CHECK(audit::verify(*chain.db, stranger.public_key).signed_rows == 0);
  chain.attack("DELETE FROM settings WHERE name = 'audit.head_key'");
  CHECK(names(audit::verify(*chain.db, {})) == "signature 50");
  CHECK(audit::verify(*chain.db, chain.signer.public_key()).findings.empty());
}

TEST_CASE("verify keeps the first findings and those about the head, however many there are") {
  const Chain chain;
  for (int i = 0; i < 200; ++i) chain.append("more", nullptr);
  chain.drop_triggers();
  chain.attack("UPDATE audit_events SET actor = 'x'");
  chain.attack("UPDATE audit_head SET signature = '', signed_seq = 250");
  const auto result = audit::verify(*chain.db, {});
  CHECK(result.rows == 250);
  CHECK(result.findings.size() <= 130);
  CHECK(result.findings.back().kind == "signature");
  CHECK(result.findings.front().seq == 1);
}

TEST_CASE("where nobody signs the head any more, one that is there must hold") {
  const test::Chain chain;
  chain.append("later", nullptr);
  const auto check = [&] { return test::names(audit::verify(*chain.db, {}, audit::HeadSignature::may_lack)); };
  CHECK(check() == "");
  chain.attack("UPDATE audit_head SET signature = substr(signature, 2)");
  CHECK(check() == "signature 50");
  chain.attack("UPDATE audit_head SET signed_seq = 0, signed_hash = '', signature = '', key_id = ''");
  CHECK(check() == "");
  CHECK(test::names(audit::verify(*chain.db, {})) == "signature 0");
}
