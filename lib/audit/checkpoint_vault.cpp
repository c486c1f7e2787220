#include "audit/checkpoint_vault.hpp"

#include <algorithm>
#include <array>

#include "audit/chain.hpp"
#include "base/error.hpp"
#include "base/text.hpp"
#include "vault/kv.hpp"
#include "vault/transit.hpp"
#include "x509/raw_key.hpp"

namespace ymgr::audit {
namespace {

constexpr std::string_view schema = "ymgr-team-checkpoint-1";
constexpr std::size_t largest = 16 * 1024;

std::string message_of(const TeamCheckpoint& checkpoint) {
  return "ymgr-team-checkpoint\n" + std::to_string(checkpoint.seq) + "\n" + checkpoint.hash + "\n" +
         format_time(checkpoint.at) + "\n" + checkpoint.by + "\n";
}

[[noreturn]] void refuse(const std::string& what) {
  throw Error(Code::checkpoint_invalid, "the checkpoint in Vault: " + what,
              "an admin makes another: ymgr audit checkpoint; Vault's log tells who wrote this one");
}

std::int64_t latest_version(vault::Transit& transit, const std::string& key) {
  const auto found = transit.read(key);
  if (!found)
    throw Error(Code::key_not_found, "Vault has no key " + key + ", which signs checkpoints",
                "an admin has it made: ymgr init --team --apply");
  return found->latest_version;
}

std::string sign(vault::Client& client, const CheckpointPlace& place, const TeamCheckpoint& checkpoint) {
  const std::array<std::string, 1> messages{message_of(checkpoint)};
  const auto signed_ones = vault::Transit(client, place.transit).sign(place.key, messages, {});
  if (!signed_ones.front().error.empty())
    throw Error(Code::vault_failed, "Vault does not sign with " + place.key + ": " + signed_ones.front().error);
  return to_base64(signed_ones.front().signature);
}

bool is_signed(vault::Client& client, const CheckpointPlace& place, const TeamCheckpoint& checkpoint) {
  const auto key = vault::Transit(client, place.transit).read(place.key);
  const auto signature = from_base64(checkpoint.signature);
  if (!key || !signature) return false;
  return std::ranges::any_of(key->versions, [&](const auto& version) {
    return version.first == checkpoint.key_version &&
           verify_signature(version.second, message_of(checkpoint), *signature);
  });
}

std::optional<Finding> compare_row(sql::Connection& db, const TeamCheckpoint& checkpoint) {
  std::string there(checkpoint.seq == 0 ? first_hash : "");
  db.run("SELECT hash FROM audit_events WHERE seq = $1", {checkpoint.seq},
         [&](const sql::Row& row) { there = row.text(0); });
  return compare_hash(checkpoint.seq, checkpoint.hash, there);
}

}  // namespace

Json to_json(const TeamCheckpoint& checkpoint) {
  return Json::object({{"schema", schema},
                       {"seq", checkpoint.seq},
                       {"hash", checkpoint.hash},
                       {"at", format_time(checkpoint.at)},
                       {"by", checkpoint.by},
                       {"key_version", checkpoint.key_version},
                       {"signature", checkpoint.signature}});
}

TeamCheckpoint parse_team_checkpoint(std::string_view text) {
  TeamCheckpoint checkpoint;
  try {
    const Json json = parse_json(text, {.bytes = largest, .depth = 4});
    if (json.at("schema").text() != schema) refuse("of an unknown form");
    checkpoint = {json.at("seq").integer(),
                  json.at("hash").text(),
                  parse_time(json.at("at").text()),
                  printable(json.at("by").text()),
                  json.at("key_version").integer(),
                  json.at("signature").text(),
                  0};
  } catch (const Error& error) {
    if (error.code() == Code::checkpoint_invalid) throw;
    refuse(error.what());
  }
  if (checkpoint.seq < 0) refuse("negative seq");
  if (!is_hash(checkpoint.hash)) refuse("hash is not 64 hex digits");
  return checkpoint;
}

TeamCheckpoint write_checkpoint(sql::Connection& db, vault::Client& client, const CheckpointPlace& place,
                                std::string_view by) {
  const auto before = newest_checkpoint(client, place);
  if (before) {
    if (const auto finding = compare(db, client, place, *before))
      throw Error(Code::chain_broken, "the audit chain does not fit the newest checkpoint: " + finding->message,
                  "ymgr audit verify; a new checkpoint would hide it");
  }
  const auto head = read_head(db);
  vault::Transit transit(client, place.transit);
  TeamCheckpoint checkpoint;
  checkpoint.seq = head.seq;
  checkpoint.hash = head.hash;
  checkpoint.at = floor_seconds(now());
  checkpoint.by = printable(by);
  checkpoint.key_version = latest_version(transit, place.key);
  checkpoint.signature = sign(client, place, checkpoint);
  if (!is_signed(client, place, checkpoint))
    throw Error(Code::vault_failed, "Vault's signature by " + place.key + " is none");
  checkpoint.version = vault::Kv(client, place.kv)
                           .write(place.path, Secret(dump_json(to_json(checkpoint))), before ? before->version : 0);
  return checkpoint;
}

std::optional<TeamCheckpoint> newest_checkpoint(vault::Client& client, const CheckpointPlace& place) {
  const auto stored = vault::Kv(client, place.kv).read(place.path);
  if (stored.version == 0) return std::nullopt;
  if (stored.document.empty()) refuse("somebody deleted the newest");
  auto checkpoint = parse_team_checkpoint(stored.document.reveal());
  checkpoint.version = stored.version;
  return checkpoint;
}

std::optional<Finding> compare(sql::Connection& db, vault::Client& client, const CheckpointPlace& place,
                               const TeamCheckpoint& checkpoint) {
  if (!is_signed(client, place, checkpoint))
    return Finding{checkpoint.seq, "signature", "the checkpoint is not signed by Vault's key " + place.key};
  return compare_row(db, checkpoint);
}

}  // namespace ymgr::audit
