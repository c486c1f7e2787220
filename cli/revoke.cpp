#include "workflow/revoke.hpp"

#include "base/ids.hpp"
#include "base/text.hpp"
#include "cli/invocation.hpp"
#include "cli/revocation.hpp"
#include "cli/steadfast.hpp"

namespace ymgr::cli {
namespace {

constexpr Argument arguments[] = {{"CERT", "cert_id, name or serial number", Argument::Count::any, "certificate"}};

constexpr Option options[] = {
    {.name = "--reason",
     .value = "NAME|NUMBER",
     .help = "why, as RFC 5280 has it; unspecified at first",
     .complete =
         "unspecified|keyCompromise|cACompromise|affiliationChanged|superseded|cessationOfOperation|certificateHold|"
         "privilegeWithdrawn|aACompromise"},
    {.name = "--select", .value = "FIELD=VALUE,…", .help = "all active ones that fit, as in cert list"},
    {.name = "--invalidity-date", .value = "TIME", .help = "since when the key must be distrusted"},
    {.name = "--destroy-key", .value = "", .help = "destroy the private key too; keyCompromise always does"},
    {.name = "--unhold", .value = "", .help = "take a certificateHold off again"},
    {.name = "--note", .value = "TEXT", .help = "free text for the audit trail"},
    request_id_option};

constexpr Field fields[] = {
    {"items", "array of object", "one a certificate"},
    {"items.cert_id", "string", "id of the certificate"},
    {"items.name", "string", "name of the lineage"},
    {"items.serial_number", "string", "upper-case hex with colons"},
    {"items.success", "boolean", "whether it is revoked now"},
    {"items.result", "?string", "revoked, already_revoked, unheld or planned"},
    {"items.revocation_reason", "?string", "as RFC 5280 names it"},
    {"items.revoked_at", "?time", "when"},
    {"items.expired", "?boolean", "it had expired before, so no CRL will list it"},
    {"items.key_destroyed", "?boolean", "null: not asked for"},
    {"items.key_note", "?string", "why a key could not be destroyed"},
    {"items.error", "?string", "why it failed"},
    {"items.code", "?string", "code of the failure"},
    {"items.suggestion", "?string", "what to do"},
    {"items.retryable", "?boolean", "it may work later"},
    {"items.state", "?string", "how far it came"},
    {"crl_confirmed", "?boolean", "the new CRL was read back and says so"},
    {"ocsp_confirmed", "?boolean", "so says Vault's OCSP responder; null: a profile's, or it is off"},
    {"crl_number", "?integer", "number of that CRL"},
    {"state", "string", "of the operation: done, open, planned"},
    {"audit_reference", "?string", "request id under which the audit trail has it"},
    {"resume_id", "?string", "set when something is left to do"}};

constexpr Example examples[] = {
    {"ymgr revoke www.example.com --reason superseded", "asks, revokes, signs a CRL and reads it back"},
    {"ymgr revoke 4A:3F:2B:… --reason keyCompromise --yes",
     "every certificate of that key, the key denied and destroyed"},
    {"ymgr revoke --select owner=mallory --reason privilegeWithdrawn --dry-run", "what would be revoked"},
    {"ymgr revoke build-7 --reason certificateHold --yes", "only for now; --unhold takes it back"}};

constexpr Column columns[] = {{"NAME", "name"},
                              {"RESULT", "result"},
                              {"REASON", "revocation_reason"},
                              {"SERIAL", "serial_number"},
                              {"CERT-ID", "cert_id", true},
                              {"KEY-DESTROYED", "key_destroyed", true},
                              {"ERROR", "error"}};

std::string question_for(const std::vector<CertificateRow>& targets, bool unholding, Reason reason) {
  std::string names;
  for (std::size_t i = 0; i < targets.size() && i < 3; ++i) names += (i == 0 ? "" : ", ") + targets[i].name;
  if (targets.size() > 3) names += ", …";
  const std::string what = targets.size() == 1 ? "certificate" : "certificates";
  std::string question = std::string(unholding ? "Take the hold off " : "Revoke ") + std::to_string(targets.size()) +
                         " " + what + " (" + names + ")";
  if (!unholding) question += " for " + std::string(to_string(reason));
  if (!unholding && reason == Reason::key_compromise) question += ", and destroy the key";
  return question + "?";
}

Result run(Invocation& call) {
  const auto names = call.list("CERT");
  Selection selection;
  if (const auto text = call.maybe("--select")) selection = parse_selection(*text);
  if (names.empty() && selection.empty())
    throw Error(Code::usage, "which certificate?", "ymgr revoke CERT, or --select FIELD=VALUE");
  RevokeOptions wish;
  wish.request_id = call.request_id();
  wish.note = call.text("--note");
  if (const auto text = call.maybe("--reason")) wish.reason = parse_reason(*text);
  if (const auto text = call.maybe("--invalidity-date")) wish.invalidity_date = parse_time(*text);
  wish.destroy_key = call.has("--destroy-key");
  wish.dry_run = call.globals().dry_run;
  const bool unholding = call.has("--unhold");
  if (unholding && (call.has("--reason") || wish.destroy_key))
    throw Error(Code::usage, "--unhold goes with neither --reason nor --destroy-key", "ymgr revoke CERT --unhold");
  check_options(wish);
  Steadfast steadfast(call);
  auto& bench = steadfast.bench();
  bench.session.require(Right::revoke);
  const auto targets = revocation_targets(bench, names, selection, wish.reason);
  if (!wish.dry_run && !targets.rows.empty()) call.confirm(question_for(targets.rows, unholding, wish.reason));
  Result result = revocation_answer(unholding ? unhold(bench, targets, wish) : revoke(bench, targets, wish));
  if (!wish.dry_run) steadfast.note();
  return result;
}

}  // namespace

Result revocation_answer(const RevokeAnswer& answer) {
  Result result;
  result.json.set("items", Json(answer.items));
  result.json.set("crl_confirmed", answer.crl_confirmed ? Json(*answer.crl_confirmed) : Json());
  result.json.set("ocsp_confirmed", answer.ocsp_confirmed ? Json(*answer.ocsp_confirmed) : Json());
  result.json.set("crl_number", answer.crl_confirmed ? Json(answer.crl_number) : Json());
  result.json.set("state", answer.state.empty() ? "done" : answer.state);
  result.json.set("audit_reference", answer.request_id.empty() ? Json() : Json(answer.request_id));
  result.json.set("resume_id", answer.resumable ? Json(resume_id(answer.request_id)) : Json());
  result.items = "items";
  result.columns = columns;
  result.exit = answer.exit;
  const bool is_denied = !answer.crl_confirmed.value_or(true) || !answer.ocsp_confirmed.value_or(true);
  if (is_denied && result.exit == 0) result.exit = 1;
  result.changed = answer.changed;
  return result;
}

extern const Command revoke_command;
constinit const Command revoke_command = {
    .path = "revoke",
    .summary = "revoke certificates",
    .description =
        "Puts certificates on the CA's list, signs a new CRL at once and reads it back: crl_confirmed. Vault's OCSP is "
        "asked, "
        "too: ocsp_confirmed. A serial that "
        "the CA never issued "
        "is an error; repeating a revocation is harmless, and may raise its reason to keyCompromise.\n\n"
        "keyCompromise acts on the key: every unexpired certificate with the same public key is revoked, the key is "
        "denied for ever, "
        "then destroyed. For other reasons --destroy-key destroys it, unless another active certificate uses it.\n\n"
        "A key in a YubiKey is deleted with its certificate; firmware before 5.7 can't do that, so another key that "
        "nobody can "
        "use overwrites it. Where the "
        "YubiKey is not plugged in, the certificate is revoked all the same, key_note says so, and the same command "
        "destroys the key "
        "later. For other reasons without --destroy-key, key and certificate stay in the slot.",
    .arguments = arguments,
    .options = options,
    .fields = fields,
    .examples = examples,
    .run = run,
    .effect = Effect::changes,
};

}  // namespace ymgr::cli
