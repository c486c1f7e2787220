#include "workflow/operation.hpp"

#include "base/ids.hpp"
#include "base/text.hpp"
#include "cli/invocation.hpp"
#include "cli/output/table.hpp"

namespace ymgr::cli {
namespace {

constexpr Argument id_argument[] = {{"ID", "request id or resume id", Argument::Count::one, "operation"}};
constexpr Column columns[] = {
    {"REQUEST-ID", "request_id"}, {"KIND", "kind"},   {"TARGET", "target"},           {"STATE", "state"},
    {"ITEMS", "items"},           {"ACTOR", "actor"}, {"CREATED", "created_at", true}};

constexpr Option list_options[] = {{.name = "--all", .value = "", .help = "ended ones too"},
                                   {.name = "--limit", .value = "N", .help = "at most so many, 100 at first"}};
constexpr Field list_fields[] = {{"operations", "array of object", "newest first"},
                                 {"operations.request_id", "string", "its id"},
                                 {"operations.resume_id", "?string", "for `ymgr resume`, while it is open"},
                                 {"operations.kind", "string", "issue, renew, revoke, device or replace"},
                                 {"operations.target", "string", "certificate name, or how many"},
                                 {"operations.state", "string", "open, waiting, done, failed, refused or abandoned"},
                                 {"operations.items", "integer", "how many certificates"},
                                 {"operations.actor", "string", "who began it"},
                                 {"operations.created_at", "time", "when it began"},
                                 {"operations.updated_at", "time", "last sign of life"}};
constexpr Example list_examples[] = {{"ymgr operation list", "what is open"},
                                     {"ymgr operation list --all -o wide", "ended ones too"}};

Result run_list(Invocation& call) {
  const auto& session = call.wiring().session();
  session.require(Right::read_inventory);
  Result result{.json = Json::object({{"operations", Json::array()}}), .items = "operations", .columns = columns};
  const auto limit = call.number("--limit", 1, 1'000'000).value_or(100);
  for (const auto& op : operations::list(call.wiring().database(), session, !call.has("--all"), limit))
    result.json.find("operations")->push(operations::to_json(op));
  return result;
}

constexpr Field show_fields[] = {
    {"request_id", "string", "its id"},
    {"resume_id", "?string", "for `ymgr resume`, while it is open"},
    {"kind", "string", "issue, renew, revoke, device or replace"},
    {"target", "string", "certificate name, or how many"},
    {"state", "string", "open, waiting, done, failed, refused or abandoned"},
    {"items", "array of object", "one a certificate"},
    {"items.target", "string", "certificate"},
    {"items.status", "string", "open, waiting, done, failed, refused or abandoned"},
    {"items.state", "string", "last step done"},
    {"items.cert_id", "?string", "planned or made"},
    {"items.error", "?string", "why it stopped"},
    {"items.code", "?string", "code of that error"},
    {"actor", "string", "who began it"},
    {"created_at", "time", "when it began"},
    {"updated_at", "time", "last sign of life"},
    {"refusal", "?string", "why it was refused as a whole: the policy's reason, or who denied it"},
    {"inputs", "object", "what was asked for"}};
constexpr Example show_examples[] = {{"ymgr operation show req-20260315143200-7f3a91c04be2", "how far it came"}};
constexpr Column item_columns[] = {
    {"TARGET", "target"}, {"STATUS", "status"}, {"STATE", "state"}, {"CERT-ID", "cert_id"}, {"ERROR", "error"}};

Result run_show(Invocation& call) {
  call.wiring().session().require(Right::read_inventory);
  auto& db = call.wiring().database();
  const auto op = operations::get(db, call.text("ID"));
  operations::require_touch(call.wiring().session(), op);
  Result result{.json = operations::to_json(op), .items = "items", .columns = item_columns};
  Json items = Json::array();
  std::vector<std::vector<std::string>> rows;
  for (const auto& item : operations::items(db, op.request_id)) {
    const bool failed = item.error.is_object();
    items.push(Json::object({{"target", item.target},
                             {"status", item.status},
                             {"state", item.state},
                             {"cert_id", item.data.is_object() ? Json(item.data.text_or("cert_id", "")) : Json()},
                             {"error", failed ? Json(item.error.text_or("error", "")) : Json()},
                             {"code", failed ? Json(item.error.text_or("code", "")) : Json()}}));
    rows.push_back({item.target, item.status, item.state, failed ? item.error.text_or("error", "") : ""});
  }
  const std::string refusal =
      op.state == "refused" && op.result.is_object() ? op.result.text_or("error", "") : std::string();
  result.json.set("items", std::move(items));
  result.json.set("refusal", refusal.empty() ? Json() : Json(refusal));
  result.json.set("inputs", op.inputs);
  result.text = format_pairs({{"operation", op.request_id},
                              {"kind", op.kind},
                              {"target", op.target},
                              {"state", op.state},
                              {"because", refusal},
                              {"actor", op.actor},
                              {"created", format_time(op.created_at)},
                              {"updated", format_time(op.updated_at)}}) +
                "\n" + format_table({"TARGET", "STATUS", "STATE", "ERROR"}, rows);
  return result;
}

constexpr Option abandon_options[] = {{.name = "--note", .value = "TEXT", .help = "why, for the audit trail"}};
constexpr Field abandon_fields[] = {{"request_id", "string", "its id"}, {"state", "string", "abandoned"}};
constexpr Example abandon_examples[] = {
    {"ymgr operation abandon req-20260315143200-7f3a91c04be2 --note 'asked for twice'", "give it up"}};

Result run_abandon(Invocation& call) {
  auto& bench = call.wiring().workbench();
  bench.session.require(Right::abandon);
  const auto op = operations::get(bench.db, call.text("ID"));
  Result result;
  result.json = Json::object({{"request_id", op.request_id}, {"state", "abandoned"}});
  if (call.globals().dry_run) return result;
  call.confirm("Give up " + op.kind + " of " + op.target + "? Certificates already issued stay.");
  operations::abandon(bench, op.request_id, call.text("--note"));
  result.text = "abandoned " + op.request_id + "\n";
  result.changed = true;
  return result;
}

}  // namespace

extern const Command operation_list_command, operation_show_command, operation_abandon_command;
constinit const Command operation_list_command = {
    .path = "operation list",
    .summary = "list operations",
    .description = "Operations that are open or waiting, newest first; with --all also those that ended.",
    .arguments = {},
    .options = list_options,
    .fields = list_fields,
    .examples = list_examples,
    .run = run_list,
};
constinit const Command operation_show_command = {
    .path = "operation show",
    .summary = "show how far an operation came",
    .description = "The operation and each of its items with the last step that was done.",
    .arguments = id_argument,
    .options = {},
    .fields = show_fields,
    .examples = show_examples,
    .run = run_show,
};
constinit const Command operation_abandon_command = {
    .path = "operation abandon",
    .summary = "give up an open operation",
    .description =
        "Ends an operation that shall not be resumed and frees its names. What it has done stays done: certificates "
        "that were issued "
        "stay in the inventory and can be revoked. In a team, operators and admins end what a user began also while a "
        "process of the "
        "user's, or of an operator who approves it, works on it: what that has signed just then, `ymgr reconcile "
        "--revoke-orphans` finds.",
    .arguments = id_argument,
    .options = abandon_options,
    .fields = abandon_fields,
    .examples = abandon_examples,
    .run = run_abandon,
    .effect = Effect::changes,
};

}  // namespace ymgr::cli
