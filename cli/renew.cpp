#include "workflow/renew.hpp"

#include "base/text.hpp"
#include "cli/certificates.hpp"

namespace ymgr::cli {
namespace {

constexpr Argument arguments[] = {
    {"CERT", "cert_id, name or serial number; none with --due", Argument::Count::any, "certificate"}};

constexpr Option options[] = {
    {.name = "--due", .value = "", .help = "everything that is due on this host; nothing due is no failure"},
    {.name = "--renew-before", .value = "DURATION|PERCENT", .help = "with --due: due when this much life is left"},
    {.name = "--select", .value = "FIELD=VALUE,…", .help = "with --due: only these, as in cert list"},
    {.name = "--scope",
     .value = "host|all",
     .help = "with --due: all takes what other hosts have installed too",
     .complete = "host|all"},
    {.name = "--limit", .value = "N", .help = "with --due: at most so many"},
    {.name = "--new-key", .value = "", .help = "make a new key instead of using the same again"},
    {.name = "--key",
     .value = "ALGORITHM",
     .help = "algorithm of the new key",
     .complete = "rsa-3072|rsa-4096|ec-p256|ec-p384|ed25519"},
    {.name = "--validity", .value = "DURATION", .help = "how long it is valid, such as 90d"},
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
    {"elsewhere", "?integer", "being renewed by another process just now"},
    {"waiting", "?integer",
     "need somebody: a new request of the key's holder, a YubiKey that is not plugged in, its PIN"},
    {"hooks", "object", "run, failed, messages"},
    {"crl_refreshed", "?boolean", "a CRL was due and signed again"},
    {"ocsp_refreshed", "?boolean", "the OCSP signer was due and renewed"},
    {"upkeep_failures", "?array of object", "what kept the CA from being looked after"},
    {"upkeep_failures.code", "string", "code of the failure"},
    {"upkeep_failures.error", "string", "what failed"},
    {"upkeep_failures.suggestion", "string", "what to do"},
    {"upkeep_failures.retryable", "boolean", "it may work later"},
    {"next_expiry", "?time", "with --due: the first expiry of any active certificate"},
    {"next_expiry_hours", "?integer", "hours until then"}};

constexpr Example examples[] = {
    {"ymgr renew www.example.com", "the same key, new dates, and the hook of its installation"},
    {"ymgr renew www.example.com --new-key", "a new key too"},
    {"ymgr renew --due --quiet", "for cron and timers: exit 0 when nothing is due"},
    {"ymgr renew --due --select owner=web --dry-run", "what would be renewed"}};

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

DueOptions due_of(Invocation& call) {
  DueOptions due;
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

Result due_answer(const RenewAnswer& answer) {
  Result result = batch_answer(answer);
  result.json.set("due", answer.items.size());
  result.json.set("elsewhere", answer.elsewhere);
  result.json.set("waiting", answer.waiting);
  result.json.set("crl_refreshed", answer.upkeep.crl_refreshed);
  result.json.set("ocsp_refreshed", answer.upkeep.ocsp_refreshed);
  Json failures = Json::array();
  for (const auto& failure : answer.upkeep.failures) failures.push(failure_json(failure));
  result.json.set("upkeep_failures", failures);
  if (answer.next_expiry) {
    const auto hours = std::chrono::duration_cast<std::chrono::hours>(*answer.next_expiry - now()).count();
    result.json.set("next_expiry", format_time(*answer.next_expiry));
    result.json.set("next_expiry_hours", static_cast<std::int64_t>(hours));
  }
  if (answer.items.empty()) {
    result.text = "nothing is due";
    if (answer.next_expiry)
      result.text += "; the first certificate expires " + describe_distance(now(), *answer.next_expiry);
    result.text += "\n";
  }
  return result;
}

Result run(Invocation& call) {
  const auto names = call.list("CERT");
  const bool due = call.has("--due");
  if (due == !names.empty())
    throw Error(Code::usage, "name certificates, or use --due", "ymgr renew NAME, or ymgr renew --due");
  for (const auto* option : {"--select", "--renew-before", "--scope", "--limit"})
    if (!due && call.has(option))
      throw Error(Code::usage, std::string(option) + " goes with --due", "ymgr renew --due " + std::string(option));
  const auto how = howof(call);
  auto& bench = call.wiring().workbench();
  if (const auto jobs = call.number("--jobs", 1, 256)) bench.jobs = static_cast<std::size_t>(*jobs);
  bench.ask_pin = pin_asker(call, due ? PinPrompt::never : PinPrompt::at_terminal);
  if (due) {
    if (!how.csr.empty()) throw Error(Code::usage, "--csr is for one certificate", "ymgr renew NAME --csr FILE");
    const auto answer = renew_due(bench, due_of(call), how);
    Result result = due_answer(answer);
    for (const auto& failure : answer.upkeep.failures)
      call.notices().warn(std::string("the CA is not looked after: ") + failure.what());
    tell_hooks(call, answer.hooks, result.json);
    return result;
  }
  if (names.size() > 1) throw Error(Code::usage, "renew takes one CERT", "for many: ymgr renew --due --select …");
  const auto answer = renew(bench, names.front(), how);
  Result result = flat_answer(answer);
  tell_hooks(call, answer.hooks, result.json);
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
        "again that are a day old and renews the OCSP signer at half its life.\n\n"
        "A key in a YubiKey is used again where the policy allows it. A new key takes the same slot, so the old one is "
        "gone as "
        "soon as the new one is there, before its certificate is. `ymgr renew --due` counts certificates whose YubiKey "
        "is "
        "not plugged in, or whose PIN is "
        "neither kept nor in --pin-file, as waiting.",
    .arguments = arguments,
    .options = options,
    .fields = fields,
    .examples = examples,
    .run = run,
    .effect = Effect::changes,
};

}  // namespace ymgr::cli
