#include <algorithm>
#include <array>

#include "audit/chain.hpp"
#include "base/error.hpp"
#include "base/text.hpp"
#include "sql/settings.hpp"
#include "sql/statements.hpp"

namespace ymgr::audit {
namespace {

constexpr std::string_view key_path = "audit/head-key";
constexpr std::string_view key_setting = "audit.head_key";

void sign_head(sql::Connection& connection, const HeadSigner& signer) {
  const auto head = read_head(connection);
  connection.run(
      "UPDATE audit_head SET signed_seq = seq, signed_hash = hash, signature = $1, key_id = $2 WHERE id = 1 AND seq = "
      "$3",
      {signer.sign(head_message(head.seq, head.hash)), signer.key_id(), head.seq});
}

/// Never before the last event, so that a clock that is set back makes nothing younger.
std::int64_t time_of_next(sql::Connection& connection) {
  auto at = to_micros(now());
  if (const auto text = sql::last_event_time(connection.dialect()); !text.empty())
    connection.run(text, {}, [&](const sql::Row& row) { at = std::max(at, row.integer(0)); });
  return at;
}

}  // namespace

HeadSigner::HeadSigner(std::string key_id, SigningKeys keys) : key_id_(std::move(key_id)), keys_(std::move(keys)) {}

std::string HeadSigner::sign(std::string_view message) const {
  return to_base64(sign_detached(keys_, message));
}

HeadSigner HeadSigner::create(sql::Connection& connection, const DataKey& key) {
  auto keys = make_signing_keys();
  const auto id = key_id_of(keys.public_key);
  HeadSigner signer(id, std::move(keys));
  connection.transaction(sql::Access::write, [&] {
    open_sealed_secrets(connection, key)->write(key_path, signer.keys_.seed, 0);
    sql::write_setting(connection, key_setting, to_base64(signer.public_key()));
    sign_head(connection, signer);
  });
  return signer;
}

HeadSigner HeadSigner::open(sql::Connection& connection, const DataKey& key) {
  auto document = open_sealed_secrets(connection, key)->read(key_path);
  if (!document) throw Error(Code::secret_not_found, "the profile has no key that signs the audit trail");
  auto keys = signing_keys_from_seed(std::move(document->value));
  const auto id = key_id_of(keys.public_key);
  return {id, std::move(keys)};
}

std::string head_key_in_settings(sql::Connection& connection) {
  return from_base64(sql::read_setting(connection, key_setting).value_or("")).value_or("");
}

void append(sql::Connection& connection, std::string_view actor, const std::vector<Event>& events,
            const HeadSigner* signer) {
  if (events.empty()) return;
  const auto at = time_of_next(connection);
  const auto clean_actor = printable(actor);
  static constexpr std::string_view columns[] = {"at", "actor", "request_id", "event", "target", "data"};
  std::array<std::string, 4> texts;
  auto event = events.begin();
  connection.insert_many("audit_events", columns, [&](std::span<sql::Value> row) {
    if (event == events.end()) return false;
    texts = {printable(event->request_id), printable(event->event), printable(event->target), dump_json(event->data)};
    row[0] = at;
    row[1] = clean_actor;
    for (std::size_t i = 0; i < texts.size(); ++i) row[i + 2] = texts[i];
    ++event;
    return true;
  });
  if (signer != nullptr) sign_head(connection, *signer);
}

std::vector<Row> list(sql::Connection& connection, const Query& query) {
  auto filter = filter_of(query);
  const bool newest = query.limit < 0;
  filter.params.emplace_back(newest ? -query.limit : query.limit);
  std::string text = "SELECT ";
  text.append(row_columns).append(" FROM audit_events").append(filter.where);
  text.append(newest ? " ORDER BY seq DESC" : " ORDER BY seq")
      .append(" LIMIT $")
      .append(std::to_string(filter.params.size()));
  std::vector<Row> rows;
  connection.run(text, filter.params, [&](const sql::Row& row) { rows.push_back(row_of(row)); });
  if (newest) std::ranges::reverse(rows);
  return rows;
}

}  // namespace ymgr::audit
