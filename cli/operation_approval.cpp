#include "base/ids.hpp"
#include "base/text.hpp"
#include "cli/invocation.hpp"
#include "cli/output/printer.hpp"
#include "workflow/approval.hpp"

namespace ymgr::cli {
namespace {

constexpr Argument arguments[] = {{"ID", "request id or resume id", Argument::Count::one, "operation"}};
constexpr Option options[] = {
    {.name = "--note", .value = "TEXT", .help = "why, for the audit trail and the requester"}};
constexpr Field approve_fields[] = {
    {"request_id", "string", "its id"},
    {"requester", "string", "who asked for it"},
    {"state", "string", "of the operation: done, open (the requester finishes it), failed; planned with --dry-run"},
    {"items", "array of object", "one a certificate"},
    {"items.name", "string", "name of the lineage"},
    {"items.profile", "string", "certificate profile"},
    {"items.owner", "string", "the person it belongs to"},
    {"items.common_name", "string", "in its subject"},
    {"items.sans", "array of string", "names in it"},
    {"items.key_algorithm", "string", "of its key, as the request has it"},
    {"items.replaces", "?string", "id of the certificate that it replaces"},
    {"items.replaced_owner", "?string", "whose that is"},
    {"items.expires_at", "time", "last second of its validity"},
    {"items.success", "boolean", "whether it is signed now"},
    {"items.result", "?string", "approved or planned"},
    {"items.cert_id", "?string", "id of the certificate"},
    {"items.error", "?string", "why it is not"},
    {"items.code", "?string", "code of the failure"},
    {"items.suggestion", "?string", "what to do"}};
constexpr Field deny_fields[] = {{"request_id", "string", "its id"},
                                 {"requester", "string", "who asked for it"},
                                 {"state", "string", "refused; waiting with --dry-run"}};
constexpr Example approve_examples[] = {
    {"ymgr operation approve req-20260315143200-7f3a91c04be2 --note 'as agreed on Monday'", "shows it, asks, signs"}};
constexpr Example deny_examples[] = {
    {"ymgr operation deny req-20260315143200-7f3a91c04be2 --note 'wrong domain'", "the requester is told so"}};
constexpr Column columns[] = {{"NAME", "name"},          {"RESULT", "result"},     {"PROFILE", "profile"},
                              {"OWNER", "owner"},        {"CN", "common_name"},    {"NAMES", "sans"},
                              {"KEY", "key_algorithm"},  {"REPLACES", "replaces"}, {"OF", "replaced_owner"},
                              {"EXPIRES", "expires_at"}, {"ERROR", "error"}};

/// As it will be signed: by the request, whatever the plan says of its key.
std::string key_of(const CertificateItem& item) {
  const auto key = item.request ? item.request->key : parse_csr(item.csr).key;
  return key.algorithm ? std::string(to_string(*key.algorithm)) : lower(key.family) + "-" + std::to_string(key.bits);
}

Json shown(const ApprovalRequest& request, const CertificateItem& item) {
  Json sans = Json::array();
  for (const auto& san : item.plan.names.sans) sans.push(to_string(san));
  const auto replaced = request.replaced.find(item.renewed_from);
  const bool replaces = replaced != request.replaced.end();
  return Json::object({{"name", item.name},
                       {"profile", item.profile},
                       {"owner", item.owner},
                       {"common_name", item.plan.names.common_name},
                       {"sans", std::move(sans)},
                       {"key_algorithm", key_of(item)},
                       {"replaces", replaces ? Json(replaced->first) : Json()},
                       {"replaced_owner", replaces ? Json(replaced->second.owner) : Json()},
                       {"expires_at", format_time(item.plan.not_after)},
                       {"success", true},
                       {"result", "planned"}});
}

std::string question_for(const ApprovalRequest& request) {
  std::string what;
  for (const auto& item : request.items) {
    const Json json = shown(request, item);
    const auto common = json.text_or("common_name", ""), replaces = json.text_or("replaces", "");
    what += (what.empty() ? "" : "; ") + item.name + " (" + item.profile + ", " +
            (common.empty() ? "" : "CN=" + common + ", ") + join(json.texts_or_empty("sans"), ", ") + ", " +
            json.at("key_algorithm").text() + ", for " + item.owner + ", until " + format_time(item.plan.not_after) +
            (replaces.empty() ? "" : ", replaces " + replaces + " of " + json.at("replaced_owner").text()) + ")";
  }
  return request.operation.actor + " asks for " + what + ". Sign it?";
}

/// What became of an item, beside what it is. Signed is what was asked for here; the requester may have to fetch it.
void tell_outcome(const Json& item, const StoredOperation& op, Json& json) {
  const std::string state = item.text_or("state", "");
  const bool is_signed = item.boolean_or("success", false) || state == "issued";
  json.set("success", is_signed).set("result", is_signed ? Json("approved") : Json());
  if (is_signed && item.find("cert_id")) json.set("cert_id", item.at("cert_id"));
  if (is_signed && state == "issued")
    json.set("suggestion", op.actor + " fetches it: ymgr resume " + shell_quote(resume_id(op.request_id)));
  if (is_signed) return;
  for (const char* name : {"error", "code", "suggestion"}) json.set(name, item.text_or(name, ""));
}

Result run_approve(Invocation& call) {
  auto& bench = call.wiring().workbench();
  const auto request = approval_request(bench, call.text("ID"));
  if (request.against) throw Error(*request.against);
  const auto& op = request.operation;
  Result result{.items = "items", .columns = columns};
  result.json = Json::object({{"request_id", op.request_id}, {"requester", op.actor}, {"state", "planned"}});
  Json items = Json::array();
  if (call.globals().dry_run) {
    for (const auto& item : request.items) items.push(shown(request, item));
    result.json.set("items", std::move(items));
    return result;
  }
  call.confirm(question_for(request));
  const auto answer = approve(bench, request, call.text("--note"));
  std::vector<int> exits;
  for (const auto& item : request.items) {
    Json json = shown(request, item);
    for (std::size_t i = 0; i < answer.items.size(); ++i) {
      if (answer.items[i].text_or("name", "") != item.name) continue;
      tell_outcome(answer.items[i], op, json);
      exits.push_back(json.boolean_or("success", false) ? 0 : answer.exits[i]);
    }
    items.push(std::move(json));
  }
  result.json.set("items", std::move(items)).set("state", answer.state);
  result.exit = batch_exit(exits);
  result.changed = true;
  return result;
}

Result run_deny(Invocation& call) {
  auto& bench = call.wiring().workbench();
  const auto request = approval_request(bench, call.text("ID"));
  const auto& op = request.operation;
  Result result;
  result.json = Json::object({{"request_id", op.request_id}, {"requester", op.actor}, {"state", "waiting"}});
  if (call.globals().dry_run) return result;
  call.confirm("Deny " + op.kind + " of " + op.target + " to " + op.actor + "?");
  deny(bench, request, call.text("--note"));
  result.json.set("state", "refused");
  result.text = "denied " + op.request_id + "\n";
  result.changed = true;
  return result;
}

}  // namespace

extern const Command operation_approve_command, operation_deny_command;
constinit const Command operation_approve_command = {
    .path = "operation approve",
    .summary = "approve what another person asks for, and sign it",
    .description =
        "Where the policy's `approval` names the requester's role, `issue` and `renew` make key and request, and then "
        "wait. This shows what is asked for, asks, and signs it with your own credentials and by the policy of today; "
        "nobody approves the own request. What ends in files of another host, or in a YubiKey, is fetched there by the "
        "requester's `ymgr resume`.\n\n"
        "In a team the servers see to it where the requester's rights end: users have no right to sign certificates of "
        "servers. On one machine it guards against mistakes.",
    .arguments = arguments,
    .options = options,
    .fields = approve_fields,
    .examples = approve_examples,
    .run = run_approve,
    .effect = Effect::changes,
};
constinit const Command operation_deny_command = {
    .path = "operation deny",
    .summary = "deny what another person asks for",
    .description =
        "Ends a request that waits for approval. Its requester sees who denied it and the note; its name is free "
        "again.",
    .arguments = arguments,
    .options = options,
    .fields = deny_fields,
    .examples = deny_examples,
    .run = run_deny,
    .effect = Effect::changes,
};

}  // namespace ymgr::cli
