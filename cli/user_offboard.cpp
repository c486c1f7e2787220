#include "base/error.hpp"
#include "base/ids.hpp"
#include "base/text.hpp"
#include "cli/revocation.hpp"
#include "cli/user.hpp"
#include "inventory/devices.hpp"
#include "workflow/operation.hpp"

namespace ymgr::cli {
namespace {

constexpr Argument arguments[] = {{"NAME", "name of the user", Argument::Count::one, "user"}};
constexpr Option options[] = {
    {.name = "--reason",
     .value = "NAME",
     .help = "why the certificates are revoked; cessationOfOperation at first",
     .complete = "unspecified|keyCompromise|affiliationChanged|superseded|cessationOfOperation|privilegeWithdrawn"},
    {.name = "--keep",
     .value = "PROFILE",
     .help = "certificates of that profile stay: servers that the user looked after",
     .times = Option::Times::many,
     .complete = "profile"},
    {.name = "--note", .value = "TEXT", .help = "free text for the audit trail"},
    request_id_option};
constexpr Field fields[] = {
    {"user", "string", "name of the user"},
    {"disabled", "boolean", "whether the user can log in no more; false with --dry-run"},
    {"items", "array of object", "one for each certificate of the user, superseded ones too"},
    {"items.cert_id", "string", "id of the certificate"},
    {"items.name", "string", "name of the lineage"},
    {"items.serial_number", "string", "upper-case hex with colons"},
    {"items.success", "boolean", "whether it is revoked now"},
    {"items.result", "?string", "revoked, already_revoked or planned"},
    {"items.revocation_reason", "?string", "as RFC 5280 names it"},
    {"items.revoked_at", "?time", "when"},
    {"items.expired", "?boolean", "it had expired before, so no CRL will list it"},
    {"items.key_destroyed", "?boolean", "with --reason keyCompromise"},
    {"items.key_note", "?string", "why a key could not be destroyed"},
    {"items.error", "?string", "why it failed"},
    {"items.code", "?string", "code of the failure"},
    {"items.suggestion", "?string", "what to do"},
    {"items.retryable", "?boolean", "it may work later"},
    {"items.state", "?string", "how far it came"},
    {"operations", "array of object", "what the user had begun and not ended"},
    {"operations.request_id", "string", "id of the operation"},
    {"operations.kind", "string", "issue, renew, revoke, device or replace"},
    {"operations.target", "string", "certificate name, or how many"},
    {"operations.success", "boolean", "false: somebody works on it just now"},
    {"operations.result", "?string", "abandoned, left (a revocation: ymgr resume) or planned"},
    {"operations.error", "?string", "why it goes on"},
    {"operations.code", "?string", "code of that failure"},
    {"operations.suggestion", "?string", "what to do"},
    {"operations.retryable", "?boolean", "it may work later"},
    {"kept", "array of object", "certificates that --keep leaves as they are"},
    {"kept.cert_id", "string", "id of the certificate"},
    {"kept.name", "string", "name of the lineage"},
    {"kept.profile", "string", "certificate profile"},
    {"devices", "array of object", "YubiKeys that the user has to give back"},
    {"devices.serial", "string", "serial number"},
    {"devices.status", "string", "enrolled, factory or lost"},
    {"devices.next", "string", "what to run when it is back"},
    {"crl_confirmed", "?boolean", "the new CRL was read back and lists them"},
    {"ocsp_confirmed", "?boolean", "so says Vault's OCSP responder; null: a profile's, or it is off"},
    {"crl_number", "?integer", "number of that CRL"},
    {"state", "string", "of the revocation: done, open, planned"},
    {"changed", "boolean", "false: all of it was so already, or --dry-run"},
    {"audit_reference", "?string", "request id of the revocation"},
    {"resume_id", "?string", "set when something is left to do"}};
constexpr Example examples[] = {
    {"ymgr user offboard bob --dry-run", "what bob has, and what would be revoked"},
    {"ymgr user offboard bob --yes", "bob's sessions and certificates end; lists the keys to give back"},
    {"ymgr user offboard bob --keep tls-server --keep service", "the servers that bob looked after go on"}};

/// What of the user's is meant: all, but for the profiles that are kept.
Selection owned_by(const std::string& name, const std::vector<std::string>& keep) {
  Selection selection;
  selection.conditions.push_back({"owner", name});
  for (const auto& profile : keep) selection.conditions.push_back({"profile", profile, true});
  return selection;
}

/// Those on hold count as revoked, and would come back.
std::vector<std::string> on_hold(sql::Connection& db, const Selection& selection) {
  std::vector<std::string> ids;
  inventory::ListQuery query;
  query.selection = selection;
  query.status = CertificateStatus::revoked;
  inventory::list(db, query, now(), [&](const CertificateRow& row) {
    if (row.expires_at > now() && row.revocation_reason == to_string(Reason::certificate_hold))
      ids.push_back(row.cert_id);
  });
  return ids;
}

Json kept_json(sql::Connection& db, const std::string& name, const std::vector<std::string>& keep) {
  Json kept = Json::array();
  for (const auto& profile : keep) {
    inventory::ListQuery query;
    query.selection.conditions = {{"owner", name}, {"profile", profile}};
    query.status = CertificateStatus::active;
    inventory::list(db, query, now(), [&](const CertificateRow& row) {
      kept.push(Json::object({{"cert_id", row.cert_id}, {"name", row.name}, {"profile", row.profile}}));
    });
  }
  return kept;
}

Json devices_json(sql::Connection& db, const std::string& name) {
  Json list = Json::array();
  devices::ListQuery query;
  query.owner = name;
  for (const auto& row : devices::list(db, query)) {
    if (row.status == DeviceStatus::retired) continue;
    const bool lost = row.status == DeviceStatus::lost;
    list.push(Json::object({{"serial", row.serial},
                            {"status", to_string(row.status)},
                            {"next", (lost ? "ymgr device found " : "ymgr device reset ") + row.serial}}));
  }
  return list;
}

/// Revocations stay: what was found wrong is finished by whoever resumes it. What does not end keeps no certificate from being revoked.
Json end_operation(Workbench& bench, const StoredOperation& op, const RevokeOptions& wish) {
  Json who = Json::object({{"request_id", op.request_id}, {"kind", op.kind}, {"target", op.target}});
  const bool stays = op.kind == "revoke";
  try {
    if (!stays && !wish.dry_run) operations::abandon(bench, op.request_id, wish.note);
  } catch (const Error& error) {
    if (error.code() == Code::interrupted) throw;
    return failed_item(std::move(who), error);
  }
  return who.set("success", true).set("result", stays ? "left" : wish.dry_run ? "planned" : "abandoned");
}

Json end_operations(Workbench& bench, const std::string& name, const RevokeOptions& wish) {
  constexpr std::int64_t most = 1'000'000;
  Json ended = Json::array();
  for (const auto& op : operations::list(bench.db, true, most, name)) ended.push(end_operation(bench, op, wish));
  return ended;
}

std::string question_for(const std::string& name, std::size_t count) {
  return "Refuse " + name + "'s logins and revoke " + std::to_string(count) +
         (count == 1 ? " certificate?" : " certificates?");
}

std::string text_of(const Json& answer, bool planned) {
  const std::string name = answer.at("user").text();
  std::string text = name + (planned ? " could log in no more\n" : " can log in no more\n");
  for (const Json& item : answer.at("items").items())
    text += "  " + item.text_or("result", "failed") + ": " + printable(item.at("name").text()) + ", " +
            printable(item.at("serial_number").text()) + "\n";
  for (const Json& op : answer.at("operations").items())
    text += "  " + op.text_or("result", "goes on") + ": " + op.at("kind").text() + " of " +
            printable(op.at("target").text()) + ", " + op.at("request_id").text() + "\n";
  for (const Json& kept : answer.at("kept").items())
    text += "  kept: " + printable(kept.at("name").text()) + " (" + kept.at("profile").text() + ")\n";
  for (const Json& device : answer.at("devices").items())
    text += "to give back: YubiKey " + device.at("serial").text() + " (" + device.at("status").text() + "); then " +
            device.at("next").text() + "\n";
  return text;
}

Result run(Invocation& call) {
  auto& bench = call.wiring().workbench();
  bench.session.require(Right::manage_users);
  bench.session.require(Right::revoke);
  const std::string name = users::get(bench.db, call.text("NAME")).name;
  if (name == bench.session.identity().user)
    throw Error(Code::usage, "nobody leaves by the own hand: the command would lose its session half-way",
                "ask another admin");
  const auto keep = call.list("--keep");
  for (const auto& profile : keep) call.wiring().policy().profile(profile);
  RevokeOptions wish;
  wish.request_id = call.request_id();
  wish.note = call.text("--note");
  const auto reason = call.maybe("--reason");
  wish.reason = reason ? parse_reason(*reason) : Reason::cessation_of_operation;
  if (wish.reason == Reason::certificate_hold)
    throw Error(Code::usage, "who leaves does not come back: certificateHold is for a while", "ymgr user disable NAME");
  wish.dry_run = call.globals().dry_run;
  const Selection selection = owned_by(name, keep);
  const auto all = [&] { return revocation_targets(bench, on_hold(bench.db, selection), selection, wish.reason); };
  if (!wish.dry_run) call.confirm(question_for(name, all().rows.size()));
  // First: nobody makes more while they are revoked, and what was made during the question is among them.
  const bool disabled_now = set_enabled(call, false).changed;
  const Json operations = end_operations(bench, name, wish);
  Result result = revocation_answer(revoke(bench, all(), wish));
  for (const Json& op : operations.items()) {
    if (op.text_or("result", "") == "abandoned") result.changed = true;
    if (!op.at("success").boolean() && result.exit == 0) result.exit = exit_status(Kind::failure);
  }
  result.changed = result.changed || disabled_now;
  result.json.set("operations", operations);
  result.json.set("user", name).set("disabled", !wish.dry_run).set("kept", kept_json(bench.db, name, keep));
  result.json.set("devices", devices_json(bench.db, name)).set("changed", result.changed);
  result.text = text_of(result.json, wish.dry_run);
  result.columns = {};
  return result;
}

}  // namespace

extern const Command user_offboard_command;
constinit const Command user_offboard_command = {
    .path = "user offboard",
    .summary = "end what somebody who leaves has: logins, sessions, certificates",
    .description =
        "Refuses the user's logins and ends sessions, in a team also tokens and database logins; revokes every "
        "certificate that is the user's, superseded and held ones too, with one CRL that is read back; and lists the "
        "YubiKeys to give back with what to run then. What the user began and did not end is given up, but for "
        "revocations. `--keep PROFILE` leaves certificates of servers that the user "
        "looked after: they go on being renewed, and `cert list --select owner=NAME` finds them.\n\n"
        "Done again it finishes what was interrupted. Audit trail and inventory keep everything.",
    .arguments = arguments,
    .options = options,
    .fields = fields,
    .examples = examples,
    .run = run,
    .effect = Effect::changes,
};

}  // namespace ymgr::cli
