#include "workflow/resume.hpp"

#include "base/ids.hpp"
#include "base/text.hpp"
#include "cli/certificates.hpp"
#include "cli/revocation.hpp"
#include "cli/steadfast.hpp"

namespace ymgr::cli {
namespace {

constexpr Argument arguments[] = {{"ID", "request id or resume id", Argument::Count::optional, "operation"}};
constexpr Option options[] = {{.name = "--all", .value = "", .help = "every operation that nobody works on"},
                              card_pin_option};
constexpr Field fields[] = {
    {"operations", "array of object", "one an operation"},
    {"operations.request_id", "string", "its id"},
    {"operations.kind", "string", "issue, renew, revoke, device or replace"},
    {"operations.success", "boolean", "whether all of it is done now"},
    {"operations.state", "?string", "done, open, waiting, failed or refused"},
    {"operations.items", "?array of object", "what the command itself would have answered"},
    {"operations.resume_id", "?string", "set when something is left to do"},
    {"operations.hooks", "?object", "of a renewal: run, failed, messages"},
    {"operations.error", "?string", "why it could not be resumed, or why its first item stopped again"},
    {"operations.code", "?string", "code of the failure"},
    {"operations.retryable", "?boolean", "whether the same command may get further later"},
    {"operations.suggestion", "?string", "what to do"}};
constexpr Example examples[] = {
    {"ymgr resume resume-20260315143200-7f3a91c04be2", "finish what a killed command began"},
    {"ymgr resume --all", "after a crash or a full disk"}};
constexpr Column columns[] = {{"REQUEST-ID", "request_id"},
                              {"KIND", "kind"},
                              {"STATE", "state"},
                              {"ERROR", "error"},
                              {"SUGGESTION", "suggestion", true}};

struct Outcome {
  Json json;
  int exit = 0;
  bool changed = false;
};

/// Why the first item that stopped has stopped, as of the operation: the table shows it.
void tell_reason(const std::vector<Json>& items, Json& json) {
  for (const auto& item : items) {
    if (item.text_or("error", "").empty()) continue;
    for (const char* name : {"error", "code", "suggestion"}) json.set(name, item.text_or(name, ""));
    return;
  }
}

Outcome outcome_of(Invocation& call, const std::string& id, const ResumeAnswer& resumed) {
  Outcome outcome = std::visit(
      [&](const auto& answer) {
        Json json = Json::object({{"request_id", id},
                                  {"kind", resumed.kind},
                                  {"success", answer.exit == 0},
                                  {"state", answer.state},
                                  {"items", Json(answer.items)},
                                  {"resume_id", answer.resumable ? Json(resume_id(id)) : Json()}});
        tell_reason(answer.items, json);
        return Outcome{std::move(json), answer.exit, answer.changed};
      },
      resumed.answer);
  if (const auto* renewal = std::get_if<RenewAnswer>(&resumed.answer)) tell_hooks(call, renewal->hooks, outcome.json);
  return outcome;
}

/// Whoever asks again for what is done already gets what they asked for.
bool tell_done(Invocation& call, const StoredOperation& op, Result& result) {
  if (op.state != "done") return false;
  operations::require_touch(call.wiring().session(), op);
  result.json.find("operations")
      ->push(Json::object({{"request_id", op.request_id}, {"kind", op.kind}, {"success", true}, {"state", op.state}}));
  result.text = printable(op.request_id) + " is done already\n";
  return true;
}

/// One operation that can't be resumed must not keep the others waiting.
Outcome resume_one(Invocation& call, Workbench& bench, const std::string& id) {
  try {
    return outcome_of(call, id, resume(bench, id));
  } catch (const Error& error) {
    if (error.code() == Code::interrupted) throw;
    const auto who = Json::object({{"request_id", id}, {"kind", operations::get(bench.db, id).kind}});
    return {failed_item(who, error), exit_status(error.kind()), false};
  }
}

Result run(Invocation& call) {
  const auto id = call.maybe("ID");
  if (id.has_value() == call.has("--all"))
    throw Error(Code::usage, "name one operation, or use --all", "ymgr operation list");
  Steadfast steadfast(call);
  auto& bench = steadfast.bench();
  bench.session.require(Right::resume);
  bench.ask_pin = pin_asker(call, id ? PinPrompt::at_terminal : PinPrompt::never);
  Result result{.json = Json::object({{"operations", Json::array()}}), .items = "operations", .columns = columns};
  if (id && tell_done(call, operations::get(bench.db, *id), result)) return result;
  const auto ids = id ? std::vector<std::string>{operations::get(bench.db, *id).request_id} : resumable(bench);
  if (call.globals().dry_run) {
    for (const auto& each : ids) {
      const auto op = operations::get(bench.db, each);
      operations::require_touch(bench.session, op);
      result.json.find("operations")->push(operations::to_json(op));
    }
    return result;
  }
  std::vector<int> exits;
  for (const auto& each : ids) {
    auto outcome = id ? outcome_of(call, each, resume(bench, each)) : resume_one(call, bench, each);
    result.json.find("operations")->push(std::move(outcome.json));
    result.changed = result.changed || outcome.changed;
    exits.push_back(outcome.exit);
  }
  result.exit = batch_exit(exits);
  if (ids.empty()) result.text = "nothing to resume\n";
  return result;
}

}  // namespace

extern const Command resume_command;
constinit const Command resume_command = {
    .path = "resume",
    .summary = "finish operations that stopped half-way",
    .description =
        "Takes up an operation where its journal stands and brings it to its end: what was done is looked for before "
        "anything is done "
        "again. The policy is asked once more for certificates that are not signed yet. An operation that a living "
        "process works on is "
        "left alone.",
    .arguments = arguments,
    .options = options,
    .fields = fields,
    .examples = examples,
    .run = run,
    .effect = Effect::changes,
};

}  // namespace ymgr::cli
