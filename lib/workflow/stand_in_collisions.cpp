#include "workflow/stand_in_collisions.hpp"

#include <algorithm>
#include <map>

#include "base/clock.hpp"
#include "workflow/operation.hpp"

namespace ymgr::stand_in {
namespace {

constexpr std::string_view meanwhile = "while the database was away";

struct OneItem {
  std::string request_id, kind, target, state;
  std::int64_t position = 0;
  bool open = false;

  /// A certificate was signed, or revoked: there is something that others see.
  bool has_effect() const {
    static constexpr std::string_view effects[] = {"issued", "delivered", "revoked", "key_settled"};
    return std::ranges::find(effects, state) != std::end(effects);
  }
  std::pair<std::string, std::string> identity() const { return {kind, target}; }
};

std::vector<OneItem> items_of(sql::Connection& db, std::string_view condition) {
  std::vector<OneItem> items;
  db.run(
      "SELECT request_id, kind, target, state, position, CASE WHEN status IN ('open', 'waiting') THEN 1 ELSE 0 END "
      "FROM operation_items" +
          std::string(condition) + " ORDER BY updated_at, request_id, position",
      {}, [&](const sql::Row& row) {
        items.push_back({std::string(row.text(0)), std::string(row.text(1)), std::string(row.text(2)),
                         std::string(row.text(3)), row.integer(4), row.integer(5) != 0});
      });
  return items;
}

bool is_free(Workbench& bench, const std::string& request_id) {
  return !operations::is_held(operations::get(bench.db, request_id), bench.self);
}

audit::Event abandonment(const OneItem& item, const OneItem& other) {
  const std::string note = other.request_id + " has the same target, and was at work " + std::string(meanwhile);
  return {item.request_id, item.kind + ".abandoned", item.target, Json::object({{"note", note}})};
}

/// An operation of which nothing else was wanted ends with it; any other is ended by whoever goes on with it.
void abandon(Workbench& bench, const OneItem& item, const OneItem& by) {
  const auto at = to_micros(now());
  const Error why(Code::operation_ended,
                  item.target + " was dealt with by " + by.request_id + " " + std::string(meanwhile));
  bench.db.run(
      "UPDATE operation_items SET status = 'abandoned', error = $1, updated_at = $2 WHERE request_id = $3 AND "
      "position = $4",
      {dump_json(failure_json(why)), at, item.request_id, item.position});
  bench.db.run(
      "UPDATE operations SET state = 'abandoned', lease_holder = NULL, lease_until = NULL, updated_at = $1 "
      "WHERE request_id = $2 AND NOT EXISTS (SELECT 1 FROM operation_items i WHERE i.request_id = "
      "operations.request_id AND i.status <> 'abandoned')",
      {at, item.request_id});
}

}  // namespace

Settled settle_collisions(Workbench& bench, sql::Connection& stand_in, std::string_view kinds) {
  Settled settled;
  std::map<std::pair<std::string, std::string>, OneItem> open;
  for (auto& item : items_of(bench.db, " WHERE kind IN ('renew', 'revoke') AND status IN ('open', 'waiting')"))
    open.emplace(item.identity(), std::move(item));
  for (const auto& item : items_of(stand_in, kinds)) {
    const auto found = open.find(item.identity());
    if (found == open.end()) continue;
    const OneItem& theirs = found->second;
    if (item.has_effect() && !theirs.has_effect() && is_free(bench, theirs.request_id)) {
      abandon(bench, theirs, item);
      settled.events.push_back(abandonment(theirs, item));
      open.erase(found);
    } else if (item.open && item.request_id != theirs.request_id) {
      settled.abandoned.emplace(item.request_id, item.position);
      settled.events.push_back(abandonment(item, theirs));
    }
  }
  return settled;
}

}  // namespace ymgr::stand_in
