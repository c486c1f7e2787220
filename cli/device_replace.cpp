#include "workflow/device_replace.hpp"

#include "base/ids.hpp"
#include "cli/certificates.hpp"
#include "cli/devices.hpp"

namespace ymgr::cli {
namespace {

constexpr Option options[] = {
    {.name = "--with", .value = "SERIAL", .help = "the enrolled YubiKey that takes its place", .complete = "device"},
    {.name = "--grace", .value = "DURATION", .help = "how long the old certificates stay good, 7d at first"},
    {.name = "--no-issue", .value = "", .help = "only print the commands that issue the certificates"},
    {.name = "--force", .value = "", .help = "replace what a slot of the new one holds"},
    {.name = "--pin-file",
     .value = "FILE",
     .help = "PIN of the new one, where it is not kept; - is standard input",
     .complete = "file"},
    note_option};
constexpr Field fields[] = {
    {"serial", "string", "the old one"},
    {"with", "string", "the new one"},
    {"owner", "string", "whose both are"},
    {"superseded_at", "?time", "when the certificates on the old one become superseded"},
    {"items", "array of object", "one a certificate of the old one"},
    {"items.name", "string", "name of the certificate"},
    {"items.profile", "string", "its profile"},
    {"items.slot", "string", "its slot, on both"},
    {"items.owner", "string", "owner of the new one"},
    {"items.replaces", "string", "cert_id of the old one"},
    {"items.command", "string", "the command that does the same by hand"},
    {"items.success", "boolean", "false: see error, code and suggestion"},
    {"items.result", "?string", "issued, unchanged (it stood there already), planned or listed (--no-issue)"},
    {"items.cert_id", "?string", "cert_id of the new one"},
    {"items.expires_at", "?time", "when the new one expires"},
    {"items.error", "?string", "why there is no new one"},
    {"items.code", "?string", "code of the failure"},
    {"items.suggestion", "?string", "what to do"},
    {"items.retryable", "?boolean", "the same command may succeed later"},
    {"state", "string", "done, open, failed or planned"},
    {"changed", "boolean", "false: it was so already, or --dry-run"},
    {"audit_reference", "?string", "request id under which the audit trail has it"},
    {"resume_id", "?string", "set when something is left to do"}};
constexpr Example examples[] = {
    {"ymgr device replace 12345678 --with 23456789", "the same certificates on the new one; a week for the change"},
    {"ymgr device replace 12345678 --with 23456789 --grace 1h", "the old ones end soon, with the next renewal run"},
    {"ymgr device replace 12345678 --with 23456789 --no-issue", "the commands, to be given one by one"}};
constexpr Column columns[] = {{"NAME", "name"},       {"PROFILE", "profile"},        {"SLOT", "slot"},
                              {"RESULT", "result"},   {"EXPIRES", "expires_at"},     {"CERT-ID", "cert_id"},
                              {"ERROR", "error"},     {"SUGGESTION", "suggestion"},  {"COMMAND", "command", true},
                              {"CODE", "code", true}, {"REPLACES", "replaces", true}};
constexpr Column list_columns[] = {{"NAME", "name"}, {"PROFILE", "profile"}, {"SLOT", "slot"}, {"COMMAND", "command"}};

Result run(Invocation& call) {
  const auto with = call.maybe("--with");
  if (!with) throw Error(Code::usage, "what takes its place?", "--with SERIAL");
  ReplaceOptions how;
  how.grace = call.duration("--grace").value_or(std::chrono::hours(7 * 24));
  how.note = call.text("--note");
  how.issue = !call.has("--no-issue");
  how.overwrite = call.has("--force");
  how.dry_run = call.globals().dry_run;
  auto& bench = call.wiring().workbench();
  bench.ask_pin = pin_asker(call, PinPrompt::at_terminal);
  const auto answer = replace_device(bench, call.text("SERIAL"), *with, how);
  const auto& row = answer.row;
  const auto& done = answer.reissues;
  Result result;
  result.json = Json::object({{"serial", row.serial},
                              {"with", answer.with},
                              {"owner", row.owner},
                              {"superseded_at", row.superseded_at ? Json(format_time(*row.superseded_at)) : Json()},
                              {"items", Json(done.items)},
                              {"state", done.state},
                              {"changed", done.changed},
                              {"audit_reference", done.changed ? Json(done.request_id) : Json()},
                              {"resume_id", done.resumable ? Json(resume_id(done.request_id)) : Json()}});
  result.items = "items";
  result.columns = how.issue ? std::span<const Column>(columns) : list_columns;
  result.exit = done.exit;
  result.changed = done.changed;
  return result;
}

}  // namespace

extern const Command device_replace_command;
constinit const Command device_replace_command = {
    .path = "device replace",
    .summary = "let another YubiKey take the place of one",
    .description =
        "The new one, which must be enrolled and plugged in, gets the same owner, and for each active certificate of "
        "the old one a new key and certificate in the same slot: name, SANs, profile, algorithm, lifetime, labels, PIN "
        "and touch policy are those of the old one, and the policy is asked. Of a YubiKey that was noted as lost, "
        "these are the certificates that were revoked with the loss. What is of the same name, profile and SANs "
        "in that slot already stays as it is; a slot that holds something else is left alone unless --force is given. "
        "One certificate that can't be issued keeps no other back; the same command tries again what failed and "
        "finishes "
        "a run that was stopped, as `ymgr resume` does.\n\n"
        "The old certificates stay active, so the new ones are lineages of their own beside them. When the grace has "
        "ended, `ymgr renew --due` or `ymgr reconcile` makes those on the old one superseded and retires it. One that "
        "has no successor on the new one stays active, and the old one in use, until this command has issued it; "
        "`ymgr reconcile` names it. A YubiKey of another person is taken only while it has no active certificate and "
        "its "
        "PIN is kept; else `ymgr device assign` comes first. With --no-issue the answer only lists the commands that "
        "issue the certificates.",
    .arguments = serial_argument,
    .options = options,
    .fields = fields,
    .examples = examples,
    .run = run,
    .effect = Effect::changes,
};

}  // namespace ymgr::cli
