#include "audit/checkpoint_vault.hpp"

#include <doctest/doctest.h>

#include "support/thrown.hpp"
#include "support/vault.hpp"
#include "support/vault_kv.hpp"
#include "unit/audit/chain_fixture.hpp"

namespace {
using namespace ymgr;
using test::openbao;

/// Mounts of their own, with the key that a team's set-up makes.
struct Vault {
  Vault() {
    static int mounts = 0;
    const auto number = std::to_string(++mounts);
    place = {"transit-audit" + number, "ymgr-audit", kv.mount, "ymgr-checkpoints"};
    chain.attack("UPDATE audit_head SET signed_seq = 0, signed_hash = '', signature = '', key_id = ''");
    test::mount(place.transit, Json::object({{"type", "transit"}}));
    openbao().api("POST", place.transit + "/keys/ymgr-audit", Json::object({{"type", "ecdsa-p256"}}));
  }
  audit::TeamCheckpoint make() { return audit::write_checkpoint(*chain.db, client, place, "ada"); }
  std::optional<std::string> fault() {
    const auto newest = audit::newest_checkpoint(client, place);
    REQUIRE(newest);
    const auto finding = audit::compare(*chain.db, client, place, *newest);
    return finding ? std::optional(finding->kind) : std::nullopt;
  }
  /// What somebody stores who may write there.
  void store(const audit::TeamCheckpoint& checkpoint, std::int64_t before) const {
    openbao().api("POST", place.kv + "/data/" + place.path,
                  Json::object({{"data", audit::to_json(checkpoint)}, {"options", Json::object({{"cas", before}})}}));
  }

  test::VaultKv kv;
  test::Chain chain;
  vault::Client client = test::vault_of(openbao());
  audit::CheckpointPlace place;
};

}  // namespace

TEST_CASE("a team's checkpoint is signed by Vault's key and kept, version by version") {
  Vault vault;
  CHECK_FALSE(audit::newest_checkpoint(vault.client, vault.place));
  const auto first = vault.make();
  CHECK(first.seq == test::Chain::length);
  CHECK(first.hash == vault.chain.hash(test::Chain::length));
  CHECK(first.by == "ada");
  CHECK(first.version == 1);
  CHECK_FALSE(vault.fault());
  vault.chain.append("later", nullptr);
  CHECK_FALSE(vault.fault());
  const auto second = vault.make();
  CHECK(second.seq == test::Chain::length + 1);
  CHECK(second.version == 2);
  CHECK(audit::newest_checkpoint(vault.client, vault.place)->hash == second.hash);
  openbao().api("POST", vault.place.transit + "/keys/ymgr-audit/rotate");
  CHECK_FALSE(vault.fault());
  CHECK(vault.make().key_version == 2);
  CHECK_FALSE(vault.fault());
}

TEST_CASE("a trail that was rewritten or cut does not fit a team's checkpoint, and no other is made over it") {
  Vault vault;
  vault.make();
  vault.chain.drop_triggers();
  const char* wanted = nullptr;
  SUBCASE("rewritten") {
    vault.chain.attack("UPDATE audit_events SET actor = 'mallory' WHERE seq = 10");
    vault.chain.rehash(10, test::Chain::length);
    vault.chain.head_to(test::Chain::length);
    wanted = "changed";
  }
  SUBCASE("cut") {
    vault.chain.attack("DELETE FROM audit_events WHERE seq > 40");
    vault.chain.head_to(40);
    wanted = "removed";
  }
  CHECK(audit::verify(*vault.chain.db, {}, audit::HeadSignature::may_lack).findings.empty());
  CHECK(vault.fault() == wanted);
  CHECK_CODE(vault.make(), Code::chain_broken);
}

TEST_CASE("a checkpoint that Vault's key did not sign is a finding") {
  Vault vault;
  auto checkpoint = vault.make();
  SUBCASE("another time") {
    checkpoint.at += std::chrono::hours(1);
  }
  SUBCASE("another name") {
    checkpoint.by = "mallory";
  }
  SUBCASE("another row") {
    checkpoint.seq = 1;
    checkpoint.hash = vault.chain.hash(1);
  }
  SUBCASE("another key") {
    checkpoint.key_version = 7;
  }
  SUBCASE("no signature") {
    checkpoint.signature = "!";
  }
  vault.store(checkpoint, 1);
  CHECK(vault.fault() == "signature");
  CHECK_CODE(vault.make(), Code::chain_broken);
}

TEST_CASE("what stands in a checkpoint's place and is none is refused") {
  Vault vault;
  openbao().api("POST", vault.place.kv + "/data/" + vault.place.path,
                Json::object({{"data", Json::object({{"seq", 1}})}, {"options", Json::object({{"cas", 0}})}}));
  CHECK_CODE(audit::newest_checkpoint(vault.client, vault.place), Code::checkpoint_invalid);
  openbao().api("DELETE", vault.place.kv + "/data/" + vault.place.path);
  CHECK_CODE(audit::newest_checkpoint(vault.client, vault.place), Code::checkpoint_invalid);
  openbao().api("DELETE", vault.place.kv + "/metadata/" + vault.place.path);
  CHECK_FALSE(audit::newest_checkpoint(vault.client, vault.place));
  vault.place.key = "none";
  CHECK_CODE(vault.make(), Code::key_not_found);
}
