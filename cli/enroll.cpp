#include "workflow/enroll.hpp"

#include "base/text.hpp"
#include "cli/certificates.hpp"
#include "cli/config.hpp"
#include "cli/devices.hpp"
#include "cli/output/table.hpp"
#include "cli/pin_options.hpp"
#include "workflow/issue.hpp"

namespace ymgr::cli {
namespace {

constexpr Argument arguments[] = {
    {"NAME", "with --slot: name of the certificate, the owner's user name at first", Argument::Count::optional}};

constexpr Option options[] = {
    device_option,
    {.name = "--owner", .value = "USER", .help = "whose it is, yours at first", .complete = "user"},
    pin_prompt_option,
    pin_stdin_option,
    pin_file_option,
    {.name = "--adopt",
     .value = "",
     .help = "keep the credentials that it has, and give those that are not the factory's"},
    {.name = "--puk-file",
     .value = "FILE",
     .help = "with --adopt: its PUK, unless it is the factory's",
     .complete = "file"},
    {.name = "--management-key-file",
     .value = "FILE",
     .help = "with --adopt: its management key, as hex, unless it is the factory's or kept under the PIN",
     .complete = "file"},
    {.name = "--slot",
     .value = "SLOT",
     .help = "go on to a key in this slot and its certificate",
     .complete = "9a|9c|9d|9e"},
    {.name = "--profile",
     .value = "NAME",
     .help = "with --slot: certificate profile; piv-auth (9a), code-signing (9c), card-auth (9e) at first",
     .complete = "profile"},
    {.name = "--san",
     .value = "KIND:VALUE",
     .help = "with --slot: one more name: dns:, ip:, email:, uri: or upn:",
     .times = Option::Times::many},
    request_id_option};

constexpr Field fields[] = {{"serial", "string", "serial number of the YubiKey"},
                            {"result", "string", "enrolled, adopted, already_enrolled or planned"},
                            {"owner", "string", "whose it is"},
                            {"status", "string", "enrolled; factory: it has default credentials, or may have"},
                            {"firmware", "string", "its firmware"},
                            {"form_factor", "?string", "usb-a-keychain, usb-c-nano, …"},
                            {"fips", "boolean", "a FIPS key"},
                            {"pin_mode", "string", "who knows the PIN: escrow or user"},
                            {"attested", "boolean", "Yubico's root, or one of attestation.roots, stands for it"},
                            {"attested_at", "?time", "when that was verified"},
                            {"attestation_root", "?string", "name of that root"},
                            {"default_pin_at_enroll", "?boolean", "the PIN was the factory's before; null: not told"},
                            {"default_puk_at_enroll", "?boolean", "the same of the PUK"},
                            {"default_management_key_at_enroll", "?boolean", "the same of the management key"},
                            {"enrolled_at", "?time", "when"},
                            {"enrolled_by", "?string", "by whom"},
                            {"note", "?string", "of the last change of its status"},
                            {"replaced_by", "?string", "serial number of the one that replaced it"},
                            {"superseded_at", "?time", "when its certificates become superseded"},
                            {"updated_at", "time", "last change"},
                            {"weaknesses", "array of object", "what is known to be wrong with its firmware"},
                            {"weaknesses.id", "string", "ROCA, EUCLEAK"},
                            {"weaknesses.text", "string", "one sentence"},
                            {"issued", "?object", "with --slot: the certificate, as ymgr issue answers"},
                            {"state", "string", "of the operation: done, planned"},
                            {"audit_reference", "?string", "request id under which the audit trail has it"}};

constexpr Example examples[] = {
    {"ymgr enroll", "the YubiKey that is plugged in, for yourself"},
    {"ymgr enroll --device 12345678 --owner alice", "one of several, for somebody else"},
    {"ymgr enroll --slot 9a --san upn:alice@corp.example", "and a certificate for logins"},
    {"ymgr enroll --pin-prompt", "with a PIN of your choice"},
    {"ymgr enroll --adopt --management-key-file mgm.hex --puk-file puk --pin-file pin", "one that is in use already"}};

EnrollRequest request_from(Invocation& call) {
  const Config& config = call.wiring().config();
  EnrollRequest request;
  request.serial = call.text("--device");
  request.owner = call.text("--owner");
  request.pin_mode = config.pin_mode();
  request.pin_tries = config.tries("secrets.pin_tries");
  request.puk_tries = config.tries("secrets.puk_tries");
  request.adopt = call.has("--adopt");
  if (!request.adopt && (call.has("--puk-file") || call.has("--management-key-file")))
    throw Error(Code::usage, "--puk-file and --management-key-file tell what the YubiKey has", "add --adopt");
  const bool has_it =
      request.adopt && !(call.has("--pin-prompt") && has_factory_pin(call.wiring().workbench(), request.serial));
  request.given.pin = pin_from(call, "--pin", has_it ? "PIN:" : "New PIN:", has_it ? Asked::once : Asked::twice);
  if (call.has("--puk-file")) request.given.puk = call.secret("--puk-file", "PUK:");
  request.given.management_key = management_key_from(call, "--management-key-file");
  return request;
}

struct SlotWish {
  CardPlace place;
  std::string profile;
  std::vector<San> sans;
};

/// Looked at before the YubiKey is changed.
std::optional<SlotWish> slot_wish(Invocation& call, const Policy& policy) {
  const auto slot = call.maybe("--slot");
  for (const auto* option : {"NAME", "--profile", "--san"})
    if (!slot && call.has(option)) throw Error(Code::usage, std::string(option) + " goes with --slot", "add --slot 9a");
  if (!slot) return std::nullopt;
  SlotWish wish;
  wish.place.slot = slot_from(*slot);
  wish.profile = call.has("--profile") ? call.text("--profile") : default_profile_of(wish.place.slot);
  policy.profile(wish.profile);
  for (const auto& text : call.list("--san")) wish.sans.push_back(parse_san(text));
  return wish;
}

/// @param pin  a chosen one, which may be kept nowhere
Result issue_there(Invocation& call, SlotWish wish, const std::string& serial,
                   const std::shared_ptr<const Secret>& pin) {
  auto& bench = call.wiring().workbench();
  bench.ask_pin = [pin](const std::string&) {
    return pin->empty() ? std::nullopt : std::optional<Secret>(pin->clone());
  };
  wish.place.serial = serial;
  return flat_answer(issue_to_slot(bench, wish.place, call.text("NAME"), wish.profile, std::move(wish.sans)));
}

Result run(Invocation& call) {
  auto request = request_from(call);
  auto& bench = call.wiring().workbench();
  auto wish = slot_wish(call, bench.policy);
  const bool tells_factory_pin = request.given.pin.reveal() == piv::factory_pin();  // which it will not have any more
  const auto pin = std::make_shared<const Secret>(tells_factory_pin ? Secret() : request.given.pin.clone());
  const auto answer = enroll(bench, std::move(request), {call.request_id(), call.globals().dry_run});
  Result result{.json = device_json(answer.row)};
  result.json.set("result", answer.operation.result).set("state", answer.operation.state);
  result.json.set("audit_reference", answer.operation.request_id.empty() ? Json() : Json(answer.operation.request_id));
  const auto& row = answer.row;
  result.text = "YubiKey " + row.serial + ": " +
                (answer.was_enrolled ? std::string("already enrolled") : answer.operation.result) + ", of " +
                row.owner + (row.attested_at ? ", attested by " + row.attestation_root : "") + "\n";
  result.changed = !answer.was_enrolled && !call.globals().dry_run;
  const auto& item = answer.operation.item;
  if (result.changed && (!item.adopted || item.new_pin)) result.text += where_the_pin_is(row, !pin->empty());
  if (!wish || call.globals().dry_run) return result;
  const Result issued = issue_there(call, std::move(*wish), row.serial, pin);
  result.json.set("issued", issued.json);
  result.text += "\n" + issued.text;
  result.changed = result.changed || issued.changed;
  return result;
}

}  // namespace

extern const Command enroll_command;
constinit const Command enroll_command = {
    .path = "enroll",
    .summary = "take a YubiKey into use",
    .description =
        "Proves that the key is a genuine YubiKey (it makes a key in an unused retired slot and attests it; from "
        "firmware 5.7 on that key is deleted again), then gives it a PIN, a PUK and a management key out of the random "
        "generator and notes it in the inventory. It must have the factory's credentials, or be given with --adopt "
        "what it has.\n\n"
        "With --adopt nothing need be given that is the factory's: it becomes a random value here, too. A PIN that is "
        "given "
        "for a key with the factory's PIN is the new one; with `secrets.pin: user` it is needed. Firmware before 5.3 "
        "does "
        "not tell: there, giving the factory's PIN or PUK says that it is the factory's. A management key that ykman "
        "keeps "
        "on the key under the PIN (`--protect`) is used when the PIN is given: it "
        "becomes "
        "a random one, and the copy under the PIN is removed.\n\n"
        "With --dry-run no key is made, so whether the attestation is believed is not seen.\n\n"
        "PUK and management key are kept sealed in the profile, and so is the PIN, unless `secrets.pin` is `user`: "
        "then "
        "the person chooses it with --pin-prompt, --pin-stdin or --pin-file and nobody else ever has it. No try of a "
        "PIN is spent to find out whether it is the factory's; firmware before 5.3 does not tell, so that one try is "
        "spent there if it is not.\n\n"
        "Repeated, the command finishes what was begun, or says that the key is already enrolled. Until all is done "
        "the "
        "status is `factory`: the key has default credentials, or may have.\n\n"
        "With --slot it goes on as `ymgr issue NAME --slot` does: a key in that slot and a certificate for it; when a "
        "good "
        "one is there, nothing more.",
    .arguments = arguments,
    .options = options,
    .fields = fields,
    .examples = examples,
    .run = run,
    .effect = Effect::changes,
};

}  // namespace ymgr::cli
