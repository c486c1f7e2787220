#include "workflow/operation.hpp"

#include <algorithm>
#include <functional>
#include <map>

#include "base/ids.hpp"
#include "base/text.hpp"
#include "sql/statements.hpp"
#include "workflow/certificate_item.hpp"

namespace ymgr {

Json journaled(std::string_view text) {
  try {
    return parse_json(text);
  } catch (const Error& error) {
    if (error.code() != Code::json_invalid) throw;
    return {};
  }
}

std::string text_in(const Json& journaled, std::string_view member) {
  const Json* found = journaled.is_object() ? journaled.find(member) : nullptr;
  return found != nullptr && found->is_text() ? found->text() : std::string();
}

Json failure_json(const Error& error) {
  return Json::object({{"code", info(error.code()).text},
                       {"error", error.what()},
                       {"suggestion", error.suggestion()},
                       {"retryable", error.retryable()}});
}

void restore(Item& item, const StoredItem& stored) {
  item.position = stored.position;
  item.target = stored.target;
  item.state = stored.state;
  item.status = stored.status == "done"      ? Item::Status::done
                : stored.status == "waiting" ? Item::Status::waiting
                : stored.status == "open"    ? Item::Status::open
                                             : Item::Status::failed;
  item.attempt = Attempt::again;
}

Json failed_item(Json who, const Error& error) {
  who.set("success", false);
  const Json why = failure_json(error);
  for (const auto& [name, value] : why.members()) who.set(name, value);
  return who;
}

Json stored_failure(const Error& error) {
  Json details = Json::object();
  for (const auto& [name, value] : error.details()) details.set(name, value);
  return failure_json(error).set("details", std::move(details));
}

Error failure_from(const Json& json) {
  const auto* code = find_code(json.text_or("code", "internal"));
  Details details;
  if (const auto* stored = json.find("details"))
    for (const auto& [name, value] : stored->members()) details.emplace_back(name, value.text());
  return Error(code ? code->code : Code::internal, json.text_or("error", "failed"), json.text_or("suggestion", ""),
               std::move(details));
}

}  // namespace ymgr

namespace ymgr::operations {
namespace {

constexpr std::string_view columns =
    "request_id, kind, target, state, inputs, actor, item_count, lease_holder, lease_until, created_at, updated_at, "
    "result";

StoredOperation read(const sql::Row& row) {
  StoredOperation op;
  op.request_id = row.text(0);
  op.kind = row.text(1);
  op.target = row.text(2);
  op.state = row.text(3);
  op.inputs = journaled(row.text(4));
  op.actor = row.text(5);
  op.item_count = row.integer(6);
  op.lease_holder = row.text(7);
  op.lease_until = from_micros(row.integer(8));
  op.created_at = from_micros(row.integer(9));
  op.updated_at = from_micros(row.integer(10));
  if (!row.is_null(11)) op.result = journaled(row.text(11));
  op.damaged = !op.inputs.is_object() || (!row.is_null(11) && !op.result.is_object());
  return op;
}

bool is_open(const StoredOperation& op) {
  return op.state == "open" || op.state == "waiting";
}

std::string inputs_hash(const Json& inputs) {
  return hex(sha256(canonical_json(inputs)));
}

void require_free(const StoredOperation& op, const LeaseHolder& self) {
  if (!is_held(op, self)) return;
  throw Error(Code::operation_running, "another process is working on " + op.request_id,
              "wait for it to end; ymgr operation show " + shell_quote(op.request_id),
              {{"request_id", op.request_id}, {"lease_until", format_time(op.lease_until)}});
}

void write_operation(Workbench& bench, const NewOperation& op, std::string_view state, bool with_lease,
                     const Json& result) {
  const auto at = to_micros(now());
  const std::string inputs = canonical_json(op.inputs), hash = hex(sha256(inputs)), holder = bench.self.to_text();
  const std::string result_text = result.is_null() ? std::string() : dump_json(result);
  using sql::Value;
  bench.db.later(
      "INSERT INTO operations (request_id, kind, target, state, inputs, inputs_sha256, actor, item_count, "
      "lease_holder, "
      "lease_until, created_at, updated_at, result) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$11,$12)",
      {op.request_id, op.kind, op.target, state, inputs, hash, bench.session.identity().user,
       static_cast<std::int64_t>(op.items.size()), with_lease ? Value(std::string_view(holder)) : Value(),
       with_lease ? Value(at + lease_time.count()) : Value(), at,
       result.is_null() ? Value() : Value(std::string_view(result_text))});
}

void write_items(Workbench& bench, const NewOperation& op, std::string_view status) {
  static constexpr std::string_view names[] = {"request_id", "position", "kind", "target",
                                               "status",     "state",    "data", "updated_at"};
  std::size_t next = 0;
  std::string data;
  const auto at = to_micros(now());
  bench.db.insert_many("operation_items", names, [&](std::span<sql::Value> row) {
    if (next == op.items.size()) return false;
    const auto& item = op.items[next];
    data = dump_json(item.data);
    row[0] = op.request_id;
    row[1] = static_cast<std::int64_t>(next);
    row[2] = op.kind;
    row[3] = item.target;
    row[4] = status;
    row[5] = "planned";
    row[6] = data;
    row[7] = at;
    ++next;
    return true;
  });
}

/// Somebody else's operation may hold a name, and row security hides it from a person: who waits for the answer, since rows go out later.
void write_open_items(Workbench& bench, const NewOperation& op) {
  try {
    write_items(bench, op, "open");
    if (bench.session.identity().role == Role::user) bench.db.run("SELECT 1", {});
  } catch (const Error& error) {
    if (!sql::is_unique_violation(error)) throw;
    throw Error(Code::operation_open, "somebody else has an open operation on " + op.target,
                "an operator or an admin sees whose it is (ymgr operation list), and gives it up with ymgr operation "
                "abandon ID");
  }
}

std::vector<std::string> targets_of(const NewOperation& op) {
  std::vector<std::string> targets;
  for (const auto& item : op.items) targets.push_back(item.target);
  return targets;
}

void append_events(Workbench& bench, const NewOperation& op) {
  auto events = op.events;
  for (auto& event : events) event.request_id = op.request_id;
  audit::append(bench.db, bench.session.identity().user, events, bench.head_signer);
}

[[noreturn]] void throw_open(const StoredOperation& op) {
  throw Error(Code::operation_open,
              "an operation of " + op.actor + " on " + op.target + " with other inputs is open: " + op.request_id,
              "ymgr resume " + shell_quote(resume_id(op.request_id)) + ", or ymgr operation abandon " +
                  shell_quote(op.request_id),
              {{"request_id", op.request_id}, {"resume_id", resume_id(op.request_id)}});
}

}  // namespace

bool is_held(const StoredOperation& op, const LeaseHolder& self) {
  constexpr Duration between_clocks = std::chrono::minutes(5);
  if (op.lease_holder.empty() || op.lease_holder == self.to_text()) return false;
  const Time at = now();
  return op.lease_until > at && op.lease_until <= at + longest_lease + between_clocks &&
         !is_dead(op.lease_holder, self);
}

void require_touch(const Session& session, const StoredOperation& op) {
  session.require_touch(op.actor, "the operation " + op.request_id);
}

std::optional<StoredOperation> find(sql::Connection& db, std::string_view id) {
  const std::string key = ymgr::request_id(id);
  std::optional<StoredOperation> found;
  db.run("SELECT " + std::string(columns) + " FROM operations WHERE request_id = $1", {key},
         [&](const sql::Row& row) { found = read(row); });
  return found;
}

StoredOperation get(sql::Connection& db, std::string_view id) {
  if (auto found = find(db, id)) return std::move(*found);
  throw Error(Code::operation_not_found, "no operation " + printable(id), "ymgr operation list");
}

std::optional<StoredOperation> find_open(sql::Connection& db, std::string_view kind, std::string_view target) {
  return find_open(db, kind, std::vector{std::string(target)});
}

std::optional<StoredOperation> find_open(sql::Connection& db, std::string_view kind,
                                         const std::vector<std::string>& targets) {
  std::map<std::string, std::string, std::less<>> open;  // request ids by their targets
  const auto wanted = sql::one_of(db.dialect(), 2, targets);
  db.run("SELECT target, request_id FROM operation_items WHERE kind = $1 AND target " + wanted.condition +
             " AND status IN ('open', 'waiting')",
         {kind, wanted.value}, [&](const sql::Row& row) { open.emplace(row.text(0), row.text(1)); });
  const auto first = std::ranges::find_if(targets, [&](const auto& target) { return open.contains(target); });
  return first == targets.end() ? std::nullopt : find(db, open.find(*first)->second);
}

std::optional<StoredOperation> find_unended(sql::Connection& db, std::string_view kind, std::string_view target,
                                            const std::function<bool(const StoredOperation&)>& fits) {
  std::vector<std::string> ids;
  db.run(
      "SELECT request_id FROM operations WHERE kind = $1 AND target = $2 AND state IN ('open', 'waiting') AND NOT "
      "EXISTS "
      "(SELECT 1 FROM operation_items i WHERE i.request_id = operations.request_id AND i.status IN ('open', "
      "'waiting'))",
      {kind, target}, [&](const sql::Row& row) { ids.emplace_back(row.text(0)); });
  for (const auto& id : ids)
    if (auto op = find(db, id); op && (!fits || fits(*op))) return op;
  return std::nullopt;
}

std::vector<StoredItem> items(sql::Connection& db, std::string_view request_id) {
  std::vector<StoredItem> found;
  db.run(
      "SELECT position, target, state, status, data, error FROM operation_items WHERE request_id = $1 ORDER BY "
      "position",
      {request_id}, [&](const sql::Row& row) {
        StoredItem item{static_cast<std::size_t>(row.integer(0)),
                        std::string(row.text(1)),
                        std::string(row.text(2)),
                        std::string(row.text(3)),
                        journaled(row.text(4)),
                        Json()};
        item.damaged = !item.data.is_object();
        if (!row.is_null(5)) item.error = journaled(row.text(5));
        found.push_back(std::move(item));
      });
  return found;
}

std::vector<StoredOperation> list(sql::Connection& db, bool open_only, std::int64_t limit, std::string_view actor) {
  std::vector<StoredOperation> found;
  const std::string open = open_only ? " AND state IN ('open', 'waiting')" : "";
  db.run("SELECT " + std::string(columns) + " FROM operations WHERE ($2 = '' OR actor = $2)" + open +
             " ORDER BY created_at DESC, request_id LIMIT $1",
         {limit, actor}, [&](const sql::Row& row) { found.push_back(read(row)); });
  return found;
}

std::vector<StoredOperation> list(sql::Connection& db, const Session& session, bool open_only, std::int64_t limit) {
  const auto& who = session.identity();
  return list(db, open_only, limit, who.role == Role::user ? std::string_view(who.user) : std::string_view());
}

Json to_json(const StoredOperation& op) {
  return Json::object({{"request_id", op.request_id},
                       {"resume_id", is_open(op) ? Json(resume_id(op.request_id)) : Json()},
                       {"kind", op.kind},
                       {"target", op.target},
                       {"state", op.state},
                       {"items", op.item_count},
                       {"actor", op.actor},
                       {"created_at", format_time(op.created_at)},
                       {"updated_at", format_time(op.updated_at)}});
}

void create(Workbench& bench, const NewOperation& op, NoneOpen none_open) {
  if (none_open == NoneOpen::unknown)
    if (const auto open = find_open(bench.db, op.kind, targets_of(op))) throw_open(*open);
  write_operation(bench, op, "open", true, Json());
  write_open_items(bench, op);
  append_events(bench, op);
  bench.begins(op.request_id);
}

void create_refused(Workbench& bench, const NewOperation& op, const Error& error) {
  write_operation(bench, op, "refused", false, stored_failure(error));
  write_items(bench, op, "refused");
  append_events(bench, op);
}

void require_readable(sql::Connection& db, const StoredOperation& op) {
  const auto is_damaged = [](const StoredItem& item) { return item.damaged; };
  if (!op.damaged && std::ranges::none_of(items(db, op.request_id), is_damaged)) return;
  throw Error(Code::json_invalid,
              "the operation " + op.request_id + " of " + op.actor + " can't be read: it was not written by ymgr",
              "give it up: ymgr operation abandon " + shell_quote(op.request_id));
}

namespace {

void require_open(const StoredOperation& op) {
  if (is_open(op)) return;
  const std::string why = op.state == "refused" && op.result.is_object() ? op.result.text_or("error", "") : "";
  throw Error(Code::operation_ended,
              "the operation " + op.request_id + " has ended: " + op.state + (why.empty() ? "" : ": " + printable(why)),
              "ymgr operation show " + shell_quote(op.request_id));
}

/// `check`: whether this session may, of an operation that is open.
void take(Workbench& bench, std::string_view id, const std::function<void(const StoredOperation&)>& check) {
  bench.db.transaction(sql::Access::write, [&] {
    const auto op = get(bench.db, id);
    require_open(op);
    check(op);
    require_readable(bench.db, op);
    require_free(op, bench.self);
    bench.begins(op.request_id);
    const auto at = to_micros(now());
    bench.db.run(
        "UPDATE operations SET state = 'open', lease_holder = $1, lease_until = $2, updated_at = $3 WHERE request_id = "
        "$4",
        {bench.self.to_text(), at + lease_time.count(), at, op.request_id});
    bench.db.run("UPDATE operation_items SET status = 'open' WHERE request_id = $1 AND status = 'waiting'",
                 {op.request_id});
    audit::append(bench.db, bench.session.identity().user,
                  {{op.request_id, op.kind + ".resumed", op.target, Json::object()}}, bench.head_signer);
  });
}

/// Open items end like their operation, which leaves the lease.
void end_as(Workbench& bench, const std::string& request_id, std::string_view state, const Json& result) {
  const auto at = to_micros(now());
  const std::string text = result.is_null() ? std::string() : dump_json(result);
  const auto ended = bench.db.run(
      "UPDATE operations SET state = $1, lease_holder = NULL, lease_until = NULL, updated_at = $2, result = $3 WHERE "
      "request_id = $4",
      {state, at, result.is_null() ? sql::Value() : sql::Value(std::string_view(text)), request_id});
  if (ended == 0)
    throw Error(Code::role_denied, "your role may not end the operation " + request_id, "ask an operator");
  bench.db.run(
      "UPDATE operation_items SET status = $1, updated_at = $2 WHERE request_id = $3 AND status IN ('open', 'waiting')",
      {state, at, request_id});
}

/// What was written past ymgr made no key. The operation has ended, whatever keeps a key: `reconcile` finds it.
void drop_key_of(Workbench& bench, const StoredItem& stored) {
  try {
    drop_pending_key(bench, CertificateItem::from(stored));
  } catch (const Error& error) {
    if (error.code() == Code::interrupted) throw;
  }
}

/// Keys that wait on this host for an operation that has ended.
void drop_keys(Workbench& bench, const StoredOperation& op) {
  if (bench.stores.seals_journal() || (op.kind != "issue" && op.kind != "renew")) return;
  for (const auto& stored : items(bench.db, op.request_id)) drop_key_of(bench, stored);
}

bool holds_targets(sql::Connection& db, const StoredOperation& op) {
  return std::ranges::any_of(items(db, op.request_id),
                             [](const StoredItem& item) { return item.status == "open" || item.status == "waiting"; });
}

/// Ends an open operation that nobody works on. @param holds  whose lease counts
/// @param event  of the audit trail
void give_up(Workbench& bench, std::string_view id, std::string_view state, const Json& result, std::string_view event,
             std::string_view note, const std::function<bool(const StoredOperation&)>& holds) {
  StoredOperation op;
  bench.db.transaction(sql::Access::write, [&] {
    op = get(bench.db, id);
    if (!holds_targets(bench.db, op))
      require_open(op);  // past ymgr a user may end an operation, and leave its items open
    if (holds(op)) require_free(op, bench.self);
    end_as(bench, op.request_id, state, result);
    audit::append(bench.db, bench.session.identity().user,
                  {{op.request_id, op.kind + "." + std::string(event), op.target, Json::object({{"note", note}})}},
                  bench.head_signer);
  });
  drop_keys(bench, op);
}

}  // namespace

void take_over(Workbench& bench, std::string_view id) {
  take(bench, id, [&](const StoredOperation& op) {
    require_touch(bench.session, op);
    require_same_rights(bench, op);
  });
}

void take_over_to_approve(Workbench& bench, std::string_view id) {
  take(bench, id, [&](const StoredOperation&) { bench.session.require(Right::approve); });
}

std::optional<Earlier> find_earlier(Workbench& bench, const NewOperation& wanted) {
  const auto same = [&](const StoredOperation& op) {
    return op.kind == wanted.kind && inputs_hash(op.inputs) == inputs_hash(wanted.inputs);
  };
  if (const auto op = wanted.request_id.empty() ? std::nullopt : find(bench.db, wanted.request_id)) {
    if (!same(*op) || outranks(bench, *op))  // a user's, who says that it was done
      throw Error(Code::request_id_used,
                  "the request id " + wanted.request_id + " was used " +
                      (same(*op) ? "by " + op->actor : std::string("with other inputs")),
                  "ymgr operation show " + shell_quote(wanted.request_id));
    require_touch(bench.session, *op);
    if (is_open(*op)) take_over(bench, op->request_id);
    return Earlier{op->request_id, !is_open(*op)};
  }
  if (const auto op = find_open(bench.db, wanted.kind, targets_of(wanted))) {
    if (!same(*op)) throw_open(*op);
    take_over(bench, op->request_id);
    return Earlier{op->request_id, false};
  }
  const auto stopped = find_unended(bench.db, wanted.kind, wanted.target,
                                    [&](const StoredOperation& op) { return same(op) && !outranks(bench, op); });
  if (!stopped) return std::nullopt;
  take_over(bench, stopped->request_id);
  return Earlier{stopped->request_id, false};
}

void require_no_other(sql::Connection& db, std::string_view kind, std::string_view target, const Json& inputs) {
  const auto open = find_open(db, kind, target);
  if (open && inputs_hash(open->inputs) != inputs_hash(inputs)) throw_open(*open);
}

void keep_lease(Workbench& bench, const std::string& request_id, Duration more) {
  std::int64_t kept = 0;
  bench.db.transaction(sql::Access::write, [&] {
    const auto at = to_micros(now());
    kept = bench.db.run(
        "UPDATE operations SET updated_at = $1, lease_until = $2 WHERE request_id = $3 AND lease_holder = $4 "
        "AND state IN ('open', 'waiting')",
        {at, at + more.count(), request_id, bench.self.to_text()});
  });
  if (kept == 0)
    throw Error(Code::operation_running, "another process took over the operation " + request_id,
                "ymgr operation show " + shell_quote(request_id));
}

void note_error(Workbench& bench, const std::string& request_id, std::size_t position, const std::string& target,
                const Error& error) {
  const Json json = failure_json(error);
  bench.db.transaction(sql::Access::write, [&] {
    bench.db.run(
        "UPDATE operation_items SET status = $1, error = $2, updated_at = $3 WHERE request_id = $4 AND position = $5",
        {error.retryable() ? "open" : "failed", dump_json(json), to_micros(now()), request_id,
         static_cast<std::int64_t>(position)});
    audit::append(bench.db, bench.session.identity().user,
                  {{request_id, error.retryable() ? "stopped" : "failed", target, json}}, bench.head_signer);
  });
}

std::string end(Workbench& bench, const std::string& request_id, const std::string& kind, const std::string& target,
                const Json& result) {
  std::string state;
  bench.db.transaction(sql::Access::write, [&] {
    std::int64_t open = 0, waiting = 0, failed = 0;
    bench.db.run("SELECT status, count(*) FROM operation_items WHERE request_id = $1 GROUP BY status", {request_id},
                 [&](const sql::Row& row) {
                   if (row.text(0) == "open") open = row.integer(1);
                   if (row.text(0) == "waiting") waiting = row.integer(1);
                   if (row.text(0) == "failed") failed = row.integer(1);
                 });
    state = open > 0 ? "open" : waiting > 0 ? "waiting" : failed > 0 ? "failed" : "done";
    const std::string text = dump_json(result);
    const auto ended = bench.db.run(
        "UPDATE operations SET state = $1, lease_holder = NULL, lease_until = NULL, updated_at = $2, result = $3 "
        "WHERE request_id = $4 AND lease_holder = $5",
        {state, to_micros(now()), text, request_id, bench.self.to_text()});
    if (ended == 0) {  // who took it over ends it
      state = get(bench.db, request_id).state;
      return;
    }
    const std::string event = state == "open" ? "interrupted" : state;
    audit::append(bench.db, bench.session.identity().user, {{request_id, kind + "." + event, target, Json::object()}},
                  bench.head_signer);
  });
  return state;
}

void abandon(Workbench& bench, std::string_view id, std::string_view note) {
  give_up(bench, id, "abandoned", Json(), "abandoned", note,
          [&](const StoredOperation& op) { return !outranks(bench, op); });
}

void deny(Workbench& bench, std::string_view id, const Error& reason, std::string_view note) {
  give_up(bench, id, "refused", stored_failure(reason), "denied", note,
          [](const StoredOperation&) { return true; });  // somebody may approve it just now
}

}  // namespace ymgr::operations
