#include "workflow/renew.hpp"

#include "base/text.hpp"
#include "cli/certificates.hpp"
#include "cli/config.hpp"
#include "cli/notify.hpp"
#include "cli/output/printer.hpp"
#include "cli/steadfast.hpp"
#include "workflow/heartbeat.hpp"

namespace ymgr::cli {
namespace {

constexpr Argument arguments[] = {
    {"CERT", "cert_id, name or serial number; none with --due", Argument::Count::optional, "certificate"}};

constexpr Option options[] = {
    {.name = "--due", .value = "", .help = "everything that is due on this host; nothing due is no failure"},
    {.name = "--renew-before", .value = "DURATION|PERCENT", .help = "with --due: due when this much life is left"},
    {.name = "--select", .value = "FIELD=VALUE,…", .help = "with --due: only these, as in cert list"},
    {.name = "--scope",
     .value = "host|all",
     .help = "with --due: all takes what other hosts have installed too",
     .complete = "host|all"},
    {.name = "--limit", .value = "N", .help = "with --due: at most so many"},
    {.name = "--jitter",
     .value = "DURATION",
     .help = "with --due and no terminal: each certificate up to so much later, always the same; 1h at first, 0: none"},
    {.name = "--heartbeat",
     .value = "",
     .help = "only tell whether a run of --due has succeeded lately; exit 11: none has"},
    {.name = "--new-key", .value = "", .help = "make a new key instead of using the same again"},
    {.name = "--key",
     .value = "ALGORITHM",
     .help = "algorithm of the new key",
     .complete = "rsa-3072|rsa-4096|ec-p256|ec-p384|ed25519"},
    {.name = "--validity",
     .value = "DURATION",
     .help = "how long it is valid, such as 90d; else as long as the policy says now, not as the former"},
    {.name = "--csr",
     .value = "FILE",
     .help = "new request for a certificate whose key is not ours",
     .complete = "file"},
    {.name = "--jobs", .value = "N", .help = "workers at a time, else `jobs` of the configuration"},
    {.name = "--force", .value = "", .help = "also within the minimum interval after the last renewal"},
    card_pin_option,
    request_id_option};

constexpr Field fields[] = {
    {"cert_id", "?string", "of one certificate: the new cert_id"},
    {"certificate", "?string", "the new certificate, PEM"},
    {"serial_number", "?string", "its serial number"},
    {"expires_at", "?time", "last second of its validity"},
    {"audit_reference", "?string", "request id under which the audit trail has it"},
    {"result", "?string", "renewed, planned or waiting"},
    {"name", "?string", "name of the lineage"},
    {"subject", "?string", "subject DN"},
    {"sans", "?array of string", "subject alternative names, as kind:value"},
    {"status", "?string", "active"},
    {"issuer", "?string", "subject DN of the CA"},
    {"ca_name", "?string", "name of the CA"},
    {"key", "?string", "reused, new or external"},
    {"key_reference", "?string", "where the key lives"},
    {"key_algorithm", "?string", "rsa-3072, ec-p256, …"},
    {"device", "?string", "serial number of the YubiKey that has the key"},
    {"slot", "?string", "its slot there: 9a"},
    {"attested", "?boolean", "the YubiKey attests that it made the key; null: the key is on none"},
    {"key_checked", "?string", "how the certificate in the slot was checked: signature, or without a PIN public-key"},
    {"displaced", "?array of string", "empty: a renewal displaces its own certificate alone"},
    {"profile", "?string", "certificate profile"},
    {"owner", "?string", "person it belongs to"},
    {"labels", "?object", "name and value"},
    {"policy_version", "?string", "policy that approved it"},
    {"violations", "?any", "what today's policy would refuse; null: it complies"},
    {"issued_at", "?time", "when it was signed"},
    {"not_before", "?time", "first second of its validity"},
    {"renew_at", "?time", "when it becomes due"},
    {"renew_before", "?string", "as asked for; null: default"},
    {"renewed_from", "?string", "cert_id of the one it replaces"},
    {"revoked_at", "?time", "null"},
    {"revocation_reason", "?string", "null"},
    {"fingerprint", "?string", "SHA-256 of the certificate, hex"},
    {"host", "?string", "where it is installed"},
    {"installation", "?string", "name of its installation file"},
    {"hook_state", "?string", "ok or pending"},
    {"request_id", "?string", "operation that renewed it"},
    {"issued_by", "?string", "actor"},
    {"files", "?object", "paths written"},
    {"state", "?string", "of the operation: done, open, failed, waiting_approval"},
    {"items", "?array of object", "with --due: one document a certificate"},
    {"summary", "?object", "with --due: counts by result"},
    {"suggestion", "?string", "what a certificate waits for, and who can go on"},
    {"resume_id", "?string", "set when something is left to do"},
    {"due", "?integer", "with --due: how many were due"},
    {"elsewhere", "?integer",
     "with --due: how many were left: a renewal of the same name is open, by another process just now, or stopped or "
     "waiting; or three of the name failed"},
    {"waiting", "?integer", "with --due: how many need somebody"},
    {"waits", "?array of object", "which of them, and for what"},
    {"waits.name", "string", "name of the lineage"},
    {"waits.cert_id", "?string", "null: a renewal that was begun"},
    {"waits.device", "?string", "serial number of the YubiKey that has the key"},
    {"waits.needs", "string",
     "device: the YubiKey is not plugged in; agent: no agent answers that could tell; pin: nobody can be asked for it; "
     "request: a new one of the key's holder; "
     "elsewhere: "
     "another CA's, which is tracked"},
    {"hooks", "?object", "run, failed, messages"},
    {"crl_refreshed", "?boolean", "a CRL was due and signed again"},
    {"ocsp_refreshed", "?boolean", "the OCSP signer was due and renewed"},
    {"upkeep_failures", "?array of object", "what kept the CA from being looked after"},
    {"upkeep_failures.code", "string", "code of the failure"},
    {"upkeep_failures.error", "string", "what failed"},
    {"upkeep_failures.suggestion", "string", "what to do"},
    {"upkeep_failures.retryable", "boolean", "it may work later"},
    {"next_expiry", "?time", "the first expiry of any active certificate; null: there is none"},
    {"next_expiry_hours", "?integer", "hours until then; below 0: it has expired"},
    {"watched", "?array of object", "with --due: what else ends, soonest first"},
    {"watched.kind", "string", "root-ca, issuing-ca, crl, ocsp-signer, token, session, login-certificate or license"},
    {"watched.name", "string", "which"},
    {"watched.ends_at", "time", "when it ends"},
    {"watched.due", "boolean", "it is time to act"},
    {"watched.next_step", "string", "how"},
    {"heartbeats", "?array of object", "with --heartbeat: this host, with --scope all every one"},
    {"heartbeats.host", "string", "which"},
    {"heartbeats.actor", "?string", "who ran it; null: nobody ever did"},
    {"heartbeats.started_at", "?time", "begin of the last run"},
    {"heartbeats.ended_at", "?time", "its end; null: it goes on, or was killed"},
    {"heartbeats.exit_status", "?integer", "of the last run that ended"},
    {"heartbeats.message", "?string", "why that one failed"},
    {"heartbeats.succeeded_at", "?time", "end of the last run that did all it had to"},
    {"heartbeats.stale", "boolean", "that is longer ago than `renew.heartbeat`"}};

constexpr Example examples[] = {
    {"ymgr renew www.example.com", "the same key, new dates, and the hook of its installation"},
    {"ymgr renew www.example.com --new-key", "a new key too"},
    {"ymgr renew --due --quiet", "for cron and timers: exit 0 when nothing is due"},
    {"ymgr renew --due --quiet --detailed-exitcode", "exit 20 when something was renewed"},
    {"ymgr renew --heartbeat", "for monitoring: exit 11 when none has succeeded for 26 hours"},
    {"ymgr renew --due --select owner=web --dry-run", "what would be renewed"}};

constexpr Column heartbeat_columns[] = {{"HOST", "host"},
                                        {"SUCCEEDED", "succeeded_at"},
                                        {"STARTED", "started_at"},
                                        {"EXIT", "exit_status"},
                                        {"STALE", "stale"}};

RenewOptions howof(Invocation& call) {
  RenewOptions result;
  result.request_id = call.request_id();
  if (call.has("--new-key") || call.has("--key")) result.key = KeyChoice::fresh;
  if (const auto text = call.maybe("--key")) {
    result.algorithm = parse_key_algorithm(*text);
    if (!result.algorithm)
      throw Error(Code::usage, "no key algorithm " + printable(*text), "--key rsa-3072 or --key ec-p256");
  }
  result.validity = call.duration("--validity");
  if (const auto file = call.maybe("--csr")) result.csr = read_input(*file);
  result.force = call.has("--force");
  result.dry_run = call.globals().dry_run;
  return result;
}

/// Nobody watches: no hurry, and then nothing to say when there was nothing to do.
bool is_unattended(const Invocation& call) {
  return !call.has_terminal();
}

Duration jitter(Invocation& call) {
  const auto text = call.maybe("--jitter");
  // Who names a threshold, or forces, means exactly that.
  if (!is_unattended(call) || text == "0" || call.has("--renew-before") || call.has("--force")) return {};
  return text ? parse_duration(*text) : usual_jitter;
}

DueOptions due_of(Invocation& call) {
  DueOptions due;
  due.jitter = jitter(call);
  due.logins = [&call] { return watched_logins(call); };
  if (const auto text = call.maybe("--select")) due.selection = parse_selection(*text);
  if (const auto text = call.maybe("--renew-before")) due.renew_before = parse_renew_before(*text);
  due.limit = call.number("--limit", 1, 1'000'000).value_or(0);
  const auto scope = call.text("--scope");
  if (scope == "all")
    due.scope = Scope::all;
  else if (!scope.empty() && scope != "host")
    throw Error(Code::usage, "no scope " + printable(scope), "--scope host or --scope all");
  return due;
}

Json json_of(const Waiting& one) {
  return Json::object({{"name", one.name},
                       {"cert_id", one.cert_id.empty() ? Json() : Json(one.cert_id)},
                       {"device", one.device.empty() ? Json() : Json(one.device)},
                       {"needs", one.needs}});
}

Json json_of(const Watched& one, Time at) {
  return Json::object({{"kind", one.kind},
                       {"name", one.name},
                       {"ends_at", format_time(one.ends_at)},
                       {"due", one.due_at <= at},
                       {"next_step", one.next_step}});
}

void tell_next_expiry(const RenewAnswer& answer, Json& json) {
  const auto& next = answer.next_expiry;
  json.set("next_expiry", next ? Json(format_time(*next)) : Json());
  const auto hours = next ? std::chrono::floor<std::chrono::hours>(*next - now()).count() : 0;
  json.set("next_expiry_hours", next ? Json(static_cast<std::int64_t>(hours)) : Json());
}

std::string waiting_text(const Waiting& one) {
  const std::string name = printable(one.name) + " waits ";
  if (one.needs == "elsewhere") return name + "to be renewed elsewhere: it is not our CA's\n";
  if (one.needs == "request") return name + "for a new request of its key's holder\n";
  if (one.needs == "agent") return name + "for an agent that drives its YubiKey: ymgr agent start\n";
  const std::string device = one.device.empty() ? "its YubiKey" : "YubiKey " + one.device;
  return name + (one.needs == "pin" ? "for the PIN of " + device : "until " + device + " is plugged in") + "\n";
}

std::string next_expiry_text(const RenewAnswer& answer) {
  if (!answer.next_expiry) return {};
  const Time at = now();
  return std::string("the first certificate ") + (*answer.next_expiry < at ? "expired " : "expires ") +
         describe_distance(at, *answer.next_expiry);
}

std::string idle_text(const RenewAnswer& answer) {
  const auto next = next_expiry_text(answer);
  std::string text = answer.waiting.empty() ? "nothing is due" : "nothing can be renewed now";
  text += (next.empty() ? "" : "; ") + next + "\n";
  for (const auto& one : answer.waiting) text += waiting_text(one);
  return text;
}

Result due_answer(const Invocation& call, const RenewAnswer& answer) {
  Result result = batch_answer(answer);
  const Time at = now();
  Json &json = result.json, waits = Json::array(), failures = Json::array(), watched = Json::array();
  for (const auto& one : answer.waiting) waits.push(json_of(one));
  for (const auto& failure : answer.upkeep.failures) failures.push(failure_json(failure));
  for (const auto& one : answer.watched) watched.push(json_of(one, at));
  json.set("due", answer.items.size());
  json.set("elsewhere", answer.elsewhere);
  json.set("waiting", answer.waiting.size());
  json.set("waits", std::move(waits));
  json.set("crl_refreshed", answer.upkeep.crl_refreshed);
  json.set("ocsp_refreshed", answer.upkeep.ocsp_refreshed);
  json.set("upkeep_failures", std::move(failures));
  json.set("watched", std::move(watched));
  tell_next_expiry(answer, json);
  const auto next = next_expiry_text(answer);
  if (!answer.items.empty() && !next.empty() && !call.globals().quiet) result.text = table_text(result) + next + "\n";
  if (!answer.items.empty()) return result;
  if (is_unattended(call))
    result.items = {};
  else
    result.text = idle_text(answer);
  return result;
}

Json json_of(const heartbeat::Beat& beat, bool stale) {
  const auto time = [](const std::optional<Time>& at) { return at ? Json(format_time(*at)) : Json(); };
  return Json::object({{"host", beat.host},
                       {"actor", beat.actor.empty() ? Json() : Json(beat.actor)},
                       {"started_at", time(beat.started_at)},
                       {"ended_at", time(beat.ended_at)},
                       {"exit_status", beat.exit ? Json(*beat.exit) : Json()},
                       {"message", beat.message.empty() ? Json() : Json(beat.message)},
                       {"succeeded_at", time(beat.succeeded_at)},
                       {"stale", stale}});
}

/// What `--due` does not need is not opened.
Result tell_heartbeat(Invocation& call) {
  if (call.has("--due") || call.has("CERT"))
    throw Error(Code::usage, "--heartbeat only tells how renewals went", "ymgr renew --heartbeat, or renew something");
  auto& wiring = call.wiring();
  const Time at = now();
  const auto limit = wiring.config().heartbeat();
  wiring.session();
  const auto beats = call.text("--scope") == "all"
                         ? heartbeat::all(wiring.database(), at)
                         : std::vector{heartbeat::of_host(wiring.database(), Wiring::host_name())};
  Result result{.items = "heartbeats", .columns = heartbeat_columns};
  Json told = Json::array();
  for (const auto& beat : beats) {
    const bool stale = beat.is_stale(limit, at);
    if (stale) result.exit = 11;
    told.push(json_of(beat, stale));
    result.text += beat.describe(at) + "\n";
  }
  result.json.set("heartbeats", std::move(told));
  return result;
}

Result renew_what_is_due(Invocation& call, Steadfast& steadfast, const RenewOptions& how) {
  if (!how.csr.empty()) throw Error(Code::usage, "--csr is for one certificate", "ymgr renew NAME --csr FILE");
  auto due = due_of(call);
  due.undelivered = steadfast.undelivered();
  // What a stand-in knows is not whom the team has told.
  const auto answer = steadfast.is_here() ? renew_due_and_tell(call, steadfast.bench(), due, how)
                                          : renew_due(steadfast.bench(), due, how);
  Result result = due_answer(call, answer);
  for (const auto& failure : answer.upkeep.failures)
    call.notices().warn(std::string("the CA is not looked after: ") + failure.what());
  for (const auto& one : answer.watched)
    if (one.due_at <= now())
      call.notices().warn(one.kind + " " + printable(one.name) + " ends " + describe_distance(now(), one.ends_at) +
                          ": " + one.next_step);
  tell_hooks(call, answer.hooks, result.json);
  return result;
}

Result run(Invocation& call) {
  if (call.has("--heartbeat")) return tell_heartbeat(call);
  const auto name = call.maybe("CERT");
  const bool due = call.has("--due");
  if (due == name.has_value())
    throw Error(Code::usage, "name one certificate, or use --due",
                "ymgr renew NAME; for several: ymgr renew --due --select …");
  for (const auto* option : {"--select", "--renew-before", "--scope", "--limit", "--jitter"})
    if (!due && call.has(option))
      throw Error(Code::usage, std::string(option) + " goes with --due", "ymgr renew --due " + std::string(option));
  const auto how = howof(call);
  Steadfast steadfast(call, due ? Steadfast::Undelivered::is_told : Steadfast::Undelivered::ends_it);
  auto& bench = steadfast.bench();
  if (const auto jobs = call.number("--jobs", 1, 256)) bench.jobs = static_cast<std::size_t>(*jobs);
  bench.ask_pin = pin_asker(call, due ? PinPrompt::never : PinPrompt::at_terminal);
  if (due) {
    Result result = renew_what_is_due(call, steadfast, how);
    if (!how.dry_run) steadfast.note();
    return result;
  }
  const auto answer = renew(bench, *name, how);
  Result result = flat_answer(answer);
  tell_next_expiry(answer, result.json);
  tell_hooks(call, answer.hooks, result.json);
  if (!how.dry_run) steadfast.note();
  return result;
}

}  // namespace

extern const Command renew_command;
constinit const Command renew_command = {
    .path = "renew",
    .summary = "renew one certificate, or all that are due",
    .description =
        "Makes a new certificate with the same names; the old one becomes superseded and can still be revoked. The key "
        "is used again "
        "unless --new-key is given or the policy forbids it. Files are replaced as a matching pair at once, the last "
        "five versions stay "
        "beside them, and the deploy hook of the installation runs; one that fails is run again by every later renewal "
        "until it succeeds, "
        "and the exit status is 10: the member success stays true, since the certificate is in place. A pre hook that "
        "fails is reported and stops nothing: a certificate that expires would be worse.\n\n"
        "`ymgr renew --due` is for timers: many of them may run at the same time, each certificate is renewed once. It "
        "also signs CRLs "
        "again that are a day old and renews the OCSP signer at half its life. Without a terminal it says nothing when "
        "there was nothing to do, and each certificate is due up to an hour later, at most 5% of its life, by an "
        "offset "
        "that its name and the host fix: a bulk does not come back at one moment, and nothing sleeps. --jitter 0, "
        "--renew-before and --force renew at once. Certificates of one name are renewed one after the other, each in "
        "an "
        "operation of its own: with --request-id night they are night, night-2 and so on, and the same id given again "
        "tells or finishes them all.\n\n"
        "Each run that takes everything (no --select, no --limit) leaves a heartbeat in the database; `ymgr renew "
        "--heartbeat` tells when the last one succeeded, and exits with 11 when that is longer ago than "
        "`renew.heartbeat`. The answer also watches what else ends: CAs (from when on a certificate would outlive "
        "them), CRLs, the OCSP signer, the session, a token that was handed over (renewed where it can be), the "
        "certificate that logs in. What of it needs a person is a warning.\n\n"
        "A key in a YubiKey is used again where the policy allows it. A new key takes the same slot, so the old one is "
        "gone as "
        "soon as the new one is there, before its certificate is. `ymgr renew --due` counts certificates whose YubiKey "
        "is "
        "not plugged in, or whose PIN is "
        "neither kept nor in --pin-file, as waiting, and all that are on YubiKeys where no agent answers.",
    .arguments = arguments,
    .options = options,
    .fields = fields,
    .examples = examples,
    .run = run,
    .effect = Effect::changes,
};

}  // namespace ymgr::cli
