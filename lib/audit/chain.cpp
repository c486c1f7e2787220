#include "audit/chain.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace ymgr::audit {
namespace {

/// Length in characters, as both databases count valid UTF-8.
std::int64_t characters(std::string_view text) {
  return std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
}

void append_text(std::string& out, std::string_view text) {
  out.append("|").append(std::to_string(characters(text))).append(":").append(text);
}

}  // namespace

std::string chain_hash(const Row& row, std::string_view previous_hash) {
  std::string covered(previous_hash);
  covered.append("|").append(std::to_string(row.seq)).append("|").append(std::to_string(to_micros(row.at)));
  for (const auto* text : {&row.actor, &row.request_id, &row.event, &row.target, &row.data})
    append_text(covered, *text);
  return hex(sha256(covered));
}

std::string head_message(std::int64_t seq, std::string_view hash) {
  return "ymgr-audit-head\n" + std::to_string(seq) + "\n" + std::string(hash) + "\n";
}

std::string key_id_of(std::string_view public_key) {
  return hex(sha256(public_key)).substr(0, 16);
}

bool is_signed_by(std::string_view public_key, std::int64_t seq, std::string_view hash, std::string_view signature) {
  const auto bytes = from_base64(signature);
  return bytes && verify_detached(public_key, head_message(seq, hash), *bytes);
}

Head read_head(sql::Connection& connection) {
  Head head;
  connection.run("SELECT seq, hash, signed_seq, signed_hash, signature, key_id FROM audit_head WHERE id = 1", {},
                 [&](const sql::Row& row) {
                   head.there = true;
                   head.seq = row.integer(0);
                   head.hash = row.text(1);
                   head.signed_seq = row.integer(2);
                   head.signed_hash = row.text(3);
                   head.signature = row.text(4);
                   head.key_id = row.text(5);
                 });
  return head;
}

Row row_of(const sql::Row& row) {
  const auto text = [&](int column) { return std::string(row.text(column)); };
  return {row.integer(0), from_micros(row.integer(1)), text(2), text(3), text(4), text(5), text(6), text(7)};
}

Filter filter_of(const Query& query) {
  Filter filter;
  const auto require = [&](std::string_view condition, sql::Value value) {
    filter.params.push_back(value);
    filter.where.append(filter.where.empty() ? " WHERE " : " AND ").append(condition);
    filter.where.append("$").append(std::to_string(filter.params.size()));
  };
  if (query.after_seq > 0) require("seq > ", query.after_seq);
  if (!query.request_id.empty()) require("request_id = ", query.request_id);
  if (!query.target.empty()) require("target = ", query.target);
  if (!query.actor.empty()) require("actor = ", query.actor);
  if (query.from) require("at >= ", to_micros(*query.from));
  if (query.to) require("at < ", to_micros(*query.to));
  const std::string_view event = query.event;
  if (event.ends_with('*')) {
    const auto prefix = event.substr(0, event.size() - 1);
    require("substr(event, 1, " + std::to_string(characters(prefix)) + ") = ", prefix);
  } else if (!event.empty()) {
    require("event = ", event);
  }
  return filter;
}

}  // namespace ymgr::audit
