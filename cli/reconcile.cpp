#include "workflow/reconcile.hpp"

#include "base/text.hpp"
#include "cli/invocation.hpp"
#include "cli/output/table.hpp"
#include "cli/steadfast.hpp"

namespace ymgr::cli {
namespace {

constexpr Option options[] = {
    {.name = "--revoke-orphans",
     .value = "",
     .help = "revoke certificates that the CA signed and the inventory does not have"},
    {.name = "--destroy-unused-keys",
     .value = "",
     .help = "destroy keys that no certificate has, sealed or in transit"},
    {.name = "--device",
     .value = "SERIAL",
     .help = "compare this YubiKey with its records instead",
     .times = Option::Times::many,
     .complete = "device"},
    {.name = "--vault-audit",
     .value = "FILE",
     .help = "compare Vault's audit log with the operations, too; a team's",
     .complete = "file"},
    {.name = "--plugged-in", .value = "", .help = "the same with every enrolled YubiKey that is plugged in"}};

constexpr Field fields[] = {
    {"items", "array of object", "what did not fit; empty: all is well"},
    {"items.kind", "string", "what kind of difference, such as crl or certificate_orphaned"},
    {"items.subject", "string", "cert_id, serial number, key, operation, name or path"},
    {"items.action", "string", "repaired, planned (with --dry-run), reported, or noted: it may stay"},
    {"items.message", "string", "in words"},
    {"items.suggestion", "?string", "what to do about a reported one"},
    {"summary", "object", "counts"},
    {"summary.repaired", "integer", "repaired"},
    {"summary.planned", "integer", "would be repaired without --dry-run"},
    {"summary.reported", "integer", "need somebody"},
    {"checked", "object", "how many were looked at"},
    {"checked.certificates", "integer", "rows of the inventory"},
    {"checked.revocations", "integer", "revocations of the CA"},
    {"checked.crls", "integer", "lists of issuing CAs"},
    {"checked.keys", "integer", "sealed keys of active certificates"},
    {"checked.operations", "integer", "operations that nobody works on"},
    {"checked.installations", "integer", "certificates installed on this host"},
    {"checked.devices", "integer", "YubiKeys"},
    {"checked.vault_requests", "integer", "requests in Vault's log that an operation must stand behind"},
    {"audit_reference", "?string", "request id under which the audit trail has it"}};

constexpr Example examples[] = {
    {"ymgr reconcile", "repairs what has one right answer, reports the rest"},
    {"ymgr reconcile --dry-run", "changes nothing"},
    {"ymgr reconcile --device 12345678", "what is on the card, and what an operation left that was given up"},
    {"ymgr reconcile --vault-audit /var/log/openbao/audit.log", "what was asked of Vault past ymgr"},
    {"ymgr reconcile --revoke-orphans --yes", "after a restore: certificates that nobody knows any more"}};

constexpr Column columns[] = {{"ACTION", "action"},
                              {"KIND", "kind"},
                              {"SUBJECT", "subject"},
                              {"MESSAGE", "message"},
                              {"SUGGESTION", "suggestion", true}};

Json to_json(const Finding& finding) {
  return Json::object({{"kind", finding.kind},
                       {"subject", finding.subject},
                       {"action", finding.action},
                       {"message", finding.message},
                       {"suggestion", finding.hint.empty() ? Json() : Json(finding.hint)}});
}

std::string text_of(const ReconcileAnswer& answer) {
  if (answer.findings.empty() && answer.devices > 0)
    return "all is well: " + std::to_string(answer.devices) + (answer.devices == 1 ? " YubiKey\n" : " YubiKeys\n");
  if (answer.findings.empty())
    return "all is well: " + std::to_string(answer.certificates) + " certificates, " +
           std::to_string(answer.revocations) + " revocations, " + std::to_string(answer.installations) +
           " installed here\n";
  std::string text;
  for (const auto& finding : answer.findings) {
    text += finding.action + ": " + printable(finding.subject) + ": " + printable(finding.message) + "\n";
    if (!finding.hint.empty()) text += "  " + printable(finding.hint) + "\n";
  }
  return text;
}

VaultLog vault_log(Invocation& call) {
  const auto* servers = call.wiring().team();
  if (servers == nullptr)
    throw Error(Code::usage, "--vault-audit is for a team, whose Vault writes such a log", "leave it out");
  const auto& settings = servers->settings;
  return {call.text("--vault-audit"), settings.kv, settings.transit, settings.pki, settings.vault_namespace,
          settings.prefix + "audit"};
}

void confirm(Invocation& call, const ReconcileOptions& wish) {
  if (wish.dry_run) return;
  if (wish.revoke_orphans) call.confirm("Revoke every certificate that the inventory does not have?");
  if (wish.destroy_unused_keys) call.confirm("Destroy every sealed key that no certificate has?");
}

Result run(Invocation& call) {
  auto& bench = call.wiring().workbench();
  deliver_what_waits(call);
  bench.session.require(Right::reconcile);
  ReconcileOptions wish{call.globals().dry_run, call.has("--revoke-orphans"), call.has("--destroy-unused-keys")};
  wish.devices = call.list("--device");
  if (call.has("--plugged-in")) wish.devices = plugged_in_devices(bench);
  if (call.has("--plugged-in") && wish.devices.empty())
    throw Error(Code::device_not_found, "no enrolled YubiKey is plugged in", "ymgr device list");
  if (call.has("--vault-audit")) wish.vault_log = vault_log(call);
  if (wish.vault_log && !wish.devices.empty())
    throw Error(Code::usage, "--vault-audit looks at everything, not at YubiKeys that are named",
                "leave out one of the two");
  confirm(call, wish);
  const auto answer = reconcile(bench, wish);
  Json items = Json::array();
  for (const auto& finding : answer.findings) items.push(to_json(finding));
  Result result;
  result.json.set("items", std::move(items))
      .set("summary", Json::object({{"repaired", answer.count("repaired")},
                                    {"planned", answer.count("planned")},
                                    {"reported", answer.count("reported")}}))
      .set("checked", Json::object({{"certificates", answer.certificates},
                                    {"revocations", answer.revocations},
                                    {"crls", answer.crls},
                                    {"keys", answer.keys},
                                    {"operations", answer.operations},
                                    {"installations", answer.installations},
                                    {"devices", answer.devices},
                                    {"vault_requests", answer.vault_requests}}))
      .set("audit_reference", answer.request_id.empty() ? Json() : Json(answer.request_id));
  result.items = "items";
  result.columns = columns;
  result.text = text_of(answer);
  result.exit = answer.count("reported") > 0 ? 1 : 0;
  result.changed = answer.changed;
  return result;
}

}  // namespace

extern const Command reconcile_command;
constinit const Command reconcile_command = {
    .path = "reconcile",
    .summary = "compare CA, inventory, keys and files, and repair",
    .description =
        "Compares what the CA signed and revoked with the inventory, the CRLs with the revocations, sealed keys with "
        "the certificates that name them, and the files installed on this host with the inventory. What has one right "
        "answer is repaired: the CA is believed in what was issued, either side in what was revoked, the inventory in "
        "what is installed. A newer certificate of our CA that stands installed here (after a restore) is adopted. "
        "Everything else is reported with what to do; the exit status is 1 then, also for operations that stopped "
        "half-way.\n\n"
        "Certificates that the CA signed and the inventory does not have are revoked by `--revoke-orphans` only, keys "
        "that no certificate has are destroyed by `--destroy-unused-keys` only. Repeating it is harmless.\n\n"
        "Every certificate must be what our CA signed, and each certificate, revocation, operation and YubiKey must "
        "stand in the audit trail. In a team the CA is Vault's: what it signed, what it revoked and what it never "
        "heard "
        "of is compared with the inventory, and `--vault-audit` names every signature, revocation, key and secret in "
        "Vault's audit log that belongs to no operation of the one who did it, with time, person, address and request. "
        "It needs an admin, who can read the whole audit trail. An admin's run also tells the database, "
        "where it knows others or none, by which names Vault signs for people.\n\n"
        "With `--device` or `--plugged-in` YubiKeys are compared with what is recorded of them: which management key "
        "opens them, which certificates stand in their slots, whether somebody has reset them. A PIN, PUK or "
        "management "
        "key that an operation left on its way when it was given up is settled: the card is asked which of the two it "
        "has. That is a guess for PIN and PUK, made only while three tries are left; with the stored PUK no PIN is "
        "guessed.",
    .arguments = {},
    .options = options,
    .fields = fields,
    .examples = examples,
    .run = run,
    .effect = Effect::changes,
};

}  // namespace ymgr::cli
