#include "base/text.hpp"
#include "cli/devices.hpp"
#include "workflow/device_admin.hpp"
#include "workflow/device_reset.hpp"

namespace ymgr::cli {
namespace {

constexpr std::string_view reasons =
    "unspecified|keyCompromise|affiliationChanged|superseded|cessationOfOperation|certificateHold|privilegeWithdrawn";
constexpr Option reason_option = {.name = "--reason",
                                  .value = "NAME",
                                  .help = "why its certificates are revoked; cessationOfOperation at first",
                                  .complete = reasons};
constexpr Option with_note[] = {note_option};
constexpr Option with_reason[] = {reason_option, note_option};
constexpr Option reset_options[] = {reason_option,
                                    {.name = "--confirm",
                                     .value = "SERIAL",
                                     .help = "the serial number once more, in place of typing it",
                                     .complete = "device"},
                                    request_id_option};

constexpr Field fields[] = {{"serial", "string", "serial number"},
                            {"owner", "string", "whose it is"},
                            {"status", "string", "enrolled, factory, lost or retired; with --dry-run: as it would be"},
                            {"state", "string", "done or planned"},
                            {"revoked", "array of string", "certificates that were revoked, or would be"},
                            {"changed", "boolean", "false: it was so already, or --dry-run"},
                            {"audit_reference", "?string", "request id under which the audit trail has it"}};
constexpr Example assign_examples[] = {{"ymgr device assign 12345678 bob", "bob has it now"}};
constexpr Example lost_examples[] = {
    {"ymgr device lost 12345678", "its certificates are revoked, its secrets kept"},
    {"ymgr device lost 12345678 --reason certificateHold", "it may turn up: `ymgr revoke --unhold` takes that back"},
    {"ymgr device lost 12345678 --reason keyCompromise", "somebody has it, and its PIN: the keys are denied for ever"}};
constexpr Example found_examples[] = {{"ymgr device found 12345678", "it turned up again"}};
constexpr Example retire_examples[] = {{"ymgr device retire 12345678 --note 'alice left'", "out of use"}};

Reason reason_from(Invocation& call) {
  const auto text = call.maybe("--reason");
  return text ? parse_reason(*text) : Reason::cessation_of_operation;
}

AdminOptions admin_options(Invocation& call) {
  return {call.text("--note"), call.globals().dry_run};
}

Json audit_reference(const AdminAnswer& answer) {
  return answer.changed ? Json(answer.request_id) : Json();
}

std::string_view state_of(const Invocation& call) {
  return call.globals().dry_run ? "planned" : "done";
}

Result admin_answer(const Invocation& call, const AdminAnswer& answer) {
  const auto count = answer.revoked.size();
  const std::string certificates = std::to_string(count) + (count == 1 ? " certificate" : " certificates");
  const bool planned = call.globals().dry_run;
  Result result;
  result.json = Json::object({{"serial", answer.row.serial},
                              {"owner", answer.row.owner},
                              {"status", to_string(answer.row.status)},
                              {"state", state_of(call)},
                              {"revoked", Json::texts(answer.revoked)},
                              {"changed", answer.changed},
                              {"audit_reference", audit_reference(answer)}});
  result.text = std::string(planned ? "planned: " : "") + "YubiKey " + answer.row.serial + ", of " + answer.row.owner +
                ": " + std::string(to_string(answer.row.status)) +
                (count == 0 ? "" : ", " + certificates + (planned ? " to revoke" : " revoked")) + "\n";
  result.changed = answer.changed;
  return result;
}

void confirm_revocations(Invocation& call, Workbench& bench, const std::string& question) {
  const auto serial = call.text("SERIAL");
  const auto count = revocable_certificates(bench.db, serial, reason_from(call)).size();
  if (call.globals().dry_run || count == 0) return;
  call.confirm(question + " " + std::to_string(count) + (count == 1 ? " certificate" : " certificates") +
               " on it for " + std::string(to_string(reason_from(call))) + "?");
}

Result run_assign(Invocation& call) {
  return admin_answer(
      call, assign_device(call.wiring().workbench(), call.text("SERIAL"), call.text("USER"), admin_options(call)));
}

Result run_lost(Invocation& call) {
  auto& bench = call.wiring().workbench();
  confirm_revocations(call, bench, "Note the YubiKey " + call.text("SERIAL") + " as lost and revoke");
  return admin_answer(call, lose_device(bench, call.text("SERIAL"), reason_from(call), admin_options(call)));
}

Result run_retire(Invocation& call) {
  auto& bench = call.wiring().workbench();
  confirm_revocations(call, bench, "Retire the YubiKey " + call.text("SERIAL") + " and revoke");
  return admin_answer(call, retire_device(bench, call.text("SERIAL"), reason_from(call), admin_options(call)));
}

Result run_found(Invocation& call) {
  return admin_answer(call, find_device(call.wiring().workbench(), call.text("SERIAL"), admin_options(call)));
}

// ---- reset

constexpr Field reset_fields[] = {{"serial", "string", "serial number"},
                                  {"result", "string", "reset or planned"},
                                  {"state", "string", "of the operation: done, planned"},
                                  {"revoked", "array of string", "certificates that were revoked"},
                                  {"audit_reference", "?string", "request id under which the audit trail has it"}};
constexpr Example reset_examples[] = {{"ymgr device reset 12345678", "asks for the serial number"},
                                      {"ymgr device reset 12345678 --confirm 12345678", "in a script"}};

/// Typed by hand, or named twice.
void confirm_reset(Invocation& call, const std::string& serial) {
  if (call.globals().dry_run) return;
  if (call.globals().yes && !call.has("--confirm"))
    throw Error(Code::usage, "a reset destroys all keys on the YubiKey " + serial, "--confirm " + serial);
  const auto typed = call.has("--confirm")
                         ? call.text("--confirm")
                         : call.ask("--confirm " + serial,
                                    "All keys on it are destroyed. Type the serial number " + serial + " to reset it:");
  if (trim(typed) != serial) throw Error(Code::usage, "not confirmed, nothing was changed", "Type the serial number");
}

Result run_reset(Invocation& call) {
  auto& bench = call.wiring().workbench();
  const std::string serial = call.text("SERIAL");
  reset_device(bench, serial, reason_from(call), {"", true});  // what would refuse it, before a question is asked
  confirm_reset(call, serial);
  const auto answer = reset_device(bench, serial, reason_from(call), {call.request_id(), call.globals().dry_run});
  auto result = secrets_answer(answer.operation, "PIV application");
  result.json.set("revoked", Json::texts(answer.revoked));
  return result;
}

// ---- reveal

constexpr Option reveal_options[] = {{.name = "--what", .value = "pin|puk", .help = "which of the two"}, note_option};
constexpr Field reveal_fields[] = {
    {"serial", "string", "serial number"}, {"what", "string", "pin or puk"}, {"value", "string", "the secret"}};
constexpr Example reveal_examples[] = {{"ymgr device reveal 12345678 --what pin --note 'handed over to alice'",
                                        "prints it, once it is in the audit trail"}};

Result run_reveal(Invocation& call) {
  const std::string what = call.text("--what");
  if (what.empty()) throw Error(Code::usage, "which secret?", "--what pin, or --what puk");
  const auto credential = what == "pin" ? Credential::pin : Credential::puk;
  Result result;
  result.secret = reveal_secret(call.wiring().workbench(), call.text("SERIAL"), credential, call.text("--note"));
  result.json = Json::object({{"serial", call.text("SERIAL")}, {"what", what}, {"value", secret_place}});
  result.text = std::string(secret_place) + "\n";
  return result;
}

constexpr Argument assign_arguments[] = {{"SERIAL", "serial number of the YubiKey", Argument::Count::one, "device"},
                                         {"USER", "whose it is from now on", Argument::Count::one, "user"}};

}  // namespace

extern const Command device_assign_command, device_lost_command, device_found_command, device_retire_command,
    device_reset_command, device_reveal_command;
constinit const Command device_assign_command = {
    .path = "device assign",
    .summary = "give a YubiKey to another person",
    .description =
        "Changes whose it is. Certificates with a key on it stay as they are; its PIN does, too: `ymgr device "
        "rotate-secrets` makes new ones.",
    .arguments = assign_arguments,
    .options = with_note,
    .fields = fields,
    .examples = assign_examples,
    .run = run_assign,
    .effect = Effect::changes,
};
constinit const Command device_lost_command = {
    .path = "device lost",
    .summary = "note a YubiKey as lost and revoke its certificates",
    .description =
        "Nothing is done with a lost YubiKey any more, and its certificates are revoked. Their keys can't be copied "
        "off "
        "it and the PIN guards them, so the reason is cessationOfOperation, unless --reason says keyCompromise (the "
        "keys "
        "are then denied for ever) or certificateHold (which can be taken back). Its secrets are kept.",
    .arguments = serial_argument,
    .options = with_reason,
    .fields = fields,
    .examples = lost_examples,
    .run = run_lost,
    .effect = Effect::changes,
};
constinit const Command device_found_command = {
    .path = "device found",
    .summary = "take a lost YubiKey into use again",
    .description =
        "It is worked with again. Certificates that were revoked stay so; issue new ones, or take a "
        "certificateHold off with `ymgr revoke --unhold`.",
    .arguments = serial_argument,
    .options = with_note,
    .fields = fields,
    .examples = found_examples,
    .run = run_found,
    .effect = Effect::changes,
};
constinit const Command device_retire_command = {
    .path = "device retire",
    .summary = "take a YubiKey out of use",
    .description =
        "Its certificates are revoked and nothing is done with it any more. Its secrets are kept, so that it "
        "can be reset, or enrolled again.",
    .arguments = serial_argument,
    .options = with_reason,
    .fields = fields,
    .examples = retire_examples,
    .run = run_retire,
    .effect = Effect::changes,
};
constinit const Command device_reset_command = {
    .path = "device reset",
    .summary = "make the PIV application of a YubiKey as it came from the factory",
    .description =
        "Destroys all its keys and certificates. It is asked first whether it can be done at all; certificates are "
        "revoked and recorded before, and the secrets are kept until the card confirms. Other applications of the "
        "YubiKey (FIDO, OATH, OpenPGP) are not touched.",
    .arguments = serial_argument,
    .options = reset_options,
    .fields = reset_fields,
    .examples = reset_examples,
    .run = run_reset,
    .effect = Effect::changes,
};
constinit const Command device_reveal_command = {
    .path = "device reveal",
    .summary = "print the PIN or PUK of a YubiKey",
    .description =
        "Prints the secret on standard output once the audit trail has who asked for it, and why (--note). It is "
        "marked "
        "as exposed; a PUK is changed the next time an operator has the key at hand.",
    .arguments = serial_argument,
    .options = reveal_options,
    .fields = reveal_fields,
    .examples = reveal_examples,
    .run = run_reveal,
};

}  // namespace ymgr::cli
