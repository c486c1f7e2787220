#include <algorithm>

#include "audit/chain.hpp"
#include "base/error.hpp"
#include "base/text.hpp"

namespace ymgr::audit {
namespace {

constexpr std::string_view schema = "ymgr-audit-checkpoint-1";
constexpr std::size_t largest = 64 * 1024;

[[noreturn]] void refuse(const std::string& what) {
  throw Error(Code::checkpoint_invalid, "checkpoint: " + what, "give a file that `ymgr audit checkpoint` wrote");
}

bool is_base64_of(std::string_view text, std::size_t size) {
  const auto bytes = from_base64(text);
  return bytes && bytes->size() == size;
}

}  // namespace

bool is_hash(std::string_view text) {
  return text.size() == 64 &&
         std::ranges::all_of(text, [](char c) { return ('0' <= c && c <= '9') || ('a' <= c && c <= 'f'); });
}

Json to_json(const Checkpoint& checkpoint) {
  return Json::object({{"schema", schema},
                       {"seq", checkpoint.seq},
                       {"hash", checkpoint.hash},
                       {"at", format_time(checkpoint.at)},
                       {"key_id", checkpoint.key_id},
                       {"public_key", checkpoint.public_key},
                       {"signature", checkpoint.signature}});
}

Checkpoint parse_checkpoint(std::string_view text) {
  Json json;
  Checkpoint checkpoint;
  try {
    json = parse_json(text, {.bytes = largest, .depth = 4});
    if (json.at("schema").text() != schema) refuse("of an unknown form");
    checkpoint = {json.at("seq").integer(),     json.at("hash").text(),      json.at("key_id").text(),
                  json.at("public_key").text(), json.at("signature").text(), parse_time(json.at("at").text())};
  } catch (const Error& error) {
    if (error.code() == Code::checkpoint_invalid) throw;
    refuse(error.what());
  }
  if (checkpoint.seq < 0) refuse("negative seq");
  if (!is_hash(checkpoint.hash)) refuse("hash is not 64 hex digits");
  if (!is_base64_of(checkpoint.public_key, 32)) refuse("public_key is not 32 bytes in base64");
  if (!is_base64_of(checkpoint.signature, 64)) refuse("signature is not 64 bytes in base64");
  if (checkpoint.key_id != key_id_of(*from_base64(checkpoint.public_key))) refuse("key_id does not fit public_key");
  return checkpoint;
}

Checkpoint make_checkpoint(sql::Connection& connection, const HeadSigner& signer) {
  const auto head = read_head(connection);
  return {head.seq,
          head.hash,
          signer.key_id(),
          to_base64(signer.public_key()),
          signer.sign(head_message(head.seq, head.hash)),
          floor_seconds(now())};
}

std::optional<Finding> compare_hash(std::int64_t seq, std::string_view hash, std::string_view hash_there) {
  const auto name = "row " + std::to_string(seq);
  if (hash_there.empty()) return Finding{seq, "removed", name + ", which the checkpoint names, is missing"};
  if (hash_there != hash) return Finding{seq, "changed", name + " has another hash than the checkpoint names"};
  return std::nullopt;
}

std::optional<Finding> compare(const Checkpoint& checkpoint, std::string_view hash_there) {
  const auto seq = checkpoint.seq;
  const auto public_key = from_base64(checkpoint.public_key).value_or("");
  if (!is_signed_by(public_key, seq, checkpoint.hash, checkpoint.signature))
    return Finding{seq, "signature", "the checkpoint is not signed by the key it names"};
  return compare_hash(seq, checkpoint.hash, hash_there);
}

std::optional<Finding> compare(sql::Connection& connection, const Checkpoint& checkpoint) {
  std::string there(checkpoint.seq == 0 ? first_hash : "");
  connection.run("SELECT hash FROM audit_events WHERE seq = $1", {checkpoint.seq},
                 [&](const sql::Row& row) { there = row.text(0); });
  return compare(checkpoint, there);
}

}  // namespace ymgr::audit
