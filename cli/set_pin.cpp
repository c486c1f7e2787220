#include "workflow/set_pin.hpp"

#include "cli/devices.hpp"
#include "cli/pin_options.hpp"

namespace ymgr::cli {
namespace {

constexpr Option set_pin_options[] = {
    device_option,
    pin_prompt_option,
    pin_stdin_option,
    pin_file_option,
    {.name = "--current-pin-prompt", .value = "", .help = "ask for the PIN until now"},
    {.name = "--current-pin-stdin", .value = "", .help = "take it from standard input"},
    {.name = "--current-pin-file", .value = "FILE", .help = "take it from a file (0600)", .complete = "file"},
    request_id_option};
constexpr Option unblock_options[] = {pin_prompt_option, pin_stdin_option, pin_file_option, request_id_option};
constexpr Option puk_options[] = {
    {.name = "--spend-try",
     .value = "",
     .help = "firmware before 5.3: finding out what a stopped change left may cost a try of the PUK"},
    request_id_option};

constexpr Field fields[] = {{"serial", "string", "serial number of the YubiKey"},
                            {"result", "string", "changed, unblocked or planned"},
                            {"state", "string", "of the operation: done, planned"},
                            {"audit_reference", "?string", "request id under which the audit trail has it"}};

constexpr Example set_pin_examples[] = {
    {"ymgr set-pin", "a new random PIN for the YubiKey that is plugged in"},
    {"ymgr set-pin --pin-prompt", "one of your choice"},
    {"ymgr set-pin --current-pin-prompt --pin-prompt", "where PINs are not kept (secrets.pin: user)"},
    {"ymgr set-pin --device 12345678 --pin-file new.pin --json", "in a script"}};
constexpr Example unblock_examples[] = {{"ymgr device unblock 12345678", "after too many wrong PINs"},
                                        {"ymgr device unblock 12345678 --pin-prompt", "with a PIN of your choice"}};
constexpr Example set_puk_examples[] = {{"ymgr device set-puk 12345678", "a new random PUK"}};
constexpr Example rotate_examples[] = {{"ymgr device rotate-secrets 12345678", "after an operator has left"}};

SecretsRequest request_from(Invocation& call, std::string serial) {
  SecretsRequest request;
  request.serial = std::move(serial);
  if (call.has("--pin-stdin") && call.has("--current-pin-stdin"))
    throw Error(Code::usage, "standard input holds one PIN", "use --current-pin-file or --pin-file for the other");
  return request;
}

/// @param change  set_pin or unblock
template <class Change>
Result pin_answer(Invocation& call, const SecretsRequest& request, Change&& change) {
  auto& bench = call.wiring().workbench();
  const auto answer = change(bench, request, DeviceOptions{call.request_id(), call.globals().dry_run});
  auto result = secrets_answer(answer, "PIN");
  if (!call.globals().dry_run)
    result.text += where_the_pin_is(devices::get(bench.db, answer.serial), !request.given.pin.empty());
  return result;
}

Result run_set_pin(Invocation& call) {
  auto request = request_from(call, call.text("--device"));
  request.given.current_pin = pin_from(call, "--current-pin", "PIN until now:", Asked::once);
  request.given.pin = pin_from(call, "--pin", "New PIN:", Asked::twice);
  return pin_answer(call, request, set_pin);
}

Result run_unblock(Invocation& call) {
  auto request = request_from(call, call.text("SERIAL"));
  request.given.pin = pin_from(call, "--pin", "New PIN:", Asked::twice);
  return pin_answer(call, request, unblock);
}

SecretsRequest puk_request(Invocation& call) {
  auto request = request_from(call, call.text("SERIAL"));
  request.given.may_spend_try = call.has("--spend-try");
  return request;
}

Result run_set_puk(Invocation& call) {
  const auto request = puk_request(call);
  const DeviceOptions options{call.request_id(), call.globals().dry_run};
  return secrets_answer(set_puk(call.wiring().workbench(), request, options), "PUK");
}

Result run_rotate(Invocation& call) {
  const auto request = puk_request(call);
  const DeviceOptions options{call.request_id(), call.globals().dry_run};
  return secrets_answer(rotate_secrets(call.wiring().workbench(), request, options), "secrets");
}

}  // namespace

extern const Command set_pin_command, device_unblock_command, device_set_puk_command, device_rotate_secrets_command;
constinit const Command set_pin_command = {
    .path = "set-pin",
    .summary = "change the PIN of a YubiKey",
    .description =
        "Sets a new PIN: a random one, which operators can see with `ymgr device reveal`, or one of your choice. Who "
        "is "
        "no operator must choose one. It is stored as pending before the key gets it, checked "
        "on the key, and only then becomes the current one, so that whatever stops the command, one of the two known "
        "PINs opens the key; the same command goes on then.\n\n"
        "Where PINs are not kept (`secrets.pin: user` when the key was enrolled) the old and the new one are taken "
        "from "
        "you. A stored PIN that failed once is never tried again: `ymgr device unblock` sets a new one with the PUK.",
    .arguments = {},
    .options = set_pin_options,
    .fields = fields,
    .examples = set_pin_examples,
    .run = run_set_pin,
    .effect = Effect::changes,
};
constinit const Command device_unblock_command = {
    .path = "device unblock",
    .summary = "set a new PIN with the PUK",
    .description =
        "For a PIN that is blocked, forgotten or not known here any more: the stored PUK sets a new one, and "
        "the counters begin anew. A person may do it for a key of their own, with a PIN of their choice.",
    .arguments = serial_argument,
    .options = unblock_options,
    .fields = fields,
    .examples = unblock_examples,
    .run = run_unblock,
    .effect = Effect::changes,
};
constinit const Command device_set_puk_command = {
    .path = "device set-puk",
    .summary = "change the PUK of a YubiKey",
    .description =
        "Sets a new random PUK and keeps it sealed in the profile. A PUK that was shown to somebody (`ymgr "
        "device reveal`) is changed by itself the next time an operator has the key at hand.\n\n"
        "After a stop the card is asked which PUK it has, while three tries are left. Firmware before 5.3 does not "
        "tell how many are: there it is asked with --spend-try only.",
    .arguments = serial_argument,
    .options = puk_options,
    .fields = fields,
    .examples = set_puk_examples,
    .run = run_set_puk,
    .effect = Effect::changes,
};
constinit const Command device_rotate_secrets_command = {
    .path = "device rotate-secrets",
    .summary = "change PUK, PIN and management key of a YubiKey",
    .description = "All three become new random ones, one after the other. A PIN that is the person's own stays.",
    .arguments = serial_argument,
    .options = puk_options,
    .fields = fields,
    .examples = rotate_examples,
    .run = run_rotate,
    .effect = Effect::changes,
};

}  // namespace ymgr::cli
