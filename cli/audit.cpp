#include "audit/audit.hpp"

#include <algorithm>

#include "audit/checkpoint_vault.hpp"

#include "base/files.hpp"
#include "base/text.hpp"
#include "cli/certificates.hpp"
#include "cli/invocation.hpp"
#include "workflow/omitted.hpp"
#include "workflow/operation.hpp"

namespace ymgr::cli {
namespace {

using audit::Verification;

constexpr Option list_options[] = {
    {.name = "--request-id", .value = "ID", .help = "only this operation"},
    {.name = "--event", .value = "NAME", .help = "only this event; may end in *"},
    {.name = "--target", .value = "NAME", .help = "only this certificate, user or serial"},
    {.name = "--actor", .value = "NAME", .help = "only this person", .complete = "user"},
    {.name = "--from", .value = "TIME", .help = "not before"},
    {.name = "--to", .value = "TIME", .help = "before"},
    {.name = "--limit", .value = "N", .help = "the last N, 100 at first"}};
constexpr Field list_fields[] = {{"events", "array of object", "oldest first"},
                                 {"events.seq", "integer", "number in the chain"},
                                 {"events.at", "time", "when"},
                                 {"events.actor", "string", "who"},
                                 {"events.request_id", "?string", "operation it belongs to"},
                                 {"events.event", "string", "what: issue.requested, policy.approved, issued, …"},
                                 {"events.target", "string", "on what"},
                                 {"events.data", "object", "details; text alone: it was not written by ymgr"},
                                 {"events.hash", "string", "SHA-256 over this row and the hash before it"}};
constexpr Example list_examples[] = {{"ymgr audit list --target www.example.com", "everything about one name"},
                                     {"ymgr audit list --event 'policy.*' --json", "decisions of the policy"}};
constexpr Column list_columns[] = {{"SEQ", "seq"},        {"AT", "at"},         {"ACTOR", "actor"},
                                   {"EVENT", "event"},    {"TARGET", "target"}, {"REQUEST-ID", "request_id"},
                                   {"HASH", "hash", true}};

audit::Query query_of(Invocation& call, std::int64_t limit) {
  audit::Query query;
  query.request_id = call.text("--request-id");
  query.event = call.text("--event");
  query.target = call.text("--target");
  query.actor = call.text("--actor");
  if (const auto text = call.maybe("--from")) query.from = parse_time(*text);
  if (const auto text = call.maybe("--to")) query.to = parse_time(*text);
  query.limit = limit;
  return query;
}

/// Whoever may write the trail past ymgr writes what they like.
Json data_of(const audit::Row& row) {
  Json data = journaled(row.data);
  return data.is_object() ? data : Json::object({{"text", row.data}});
}

Result run_list(Invocation& call) {
  call.wiring().session().require(Right::read_audit);
  const auto limit = call.number("--limit", 1, 1'000'000).value_or(100);
  Result result{.json = Json::object({{"events", Json::array()}}), .items = "events", .columns = list_columns};
  for (const auto& row : audit::list(call.wiring().database(), query_of(call, -limit)))
    result.json.find("events")->push(
        Json::object({{"seq", row.seq},
                      {"at", format_time(row.at)},
                      {"actor", row.actor},
                      {"request_id", row.request_id.empty() ? Json() : Json(row.request_id)},
                      {"event", row.event},
                      {"target", row.target},
                      {"data", data_of(row)},
                      {"hash", row.hash}}));
  return result;
}

constexpr Option verify_options[] = {{.name = "--file",
                                      .value = "FILE",
                                      .help = "verify an export instead of the database; needs --checkpoint",
                                      .complete = "file"},
                                     {.name = "--checkpoint",
                                      .value = "FILE",
                                      .help = "a signed head kept elsewhere that must still fit",
                                      .complete = "file"}};
constexpr Field verify_fields[] = {
    {"rows", "integer", "rows read"},
    {"signed_rows", "integer", "rows under the signed head"},
    {"unsigned_rows", "integer", "rows after it, to be signed by the next session that can"},
    {"head", "string", "hash of the last row"},
    {"findings", "array of object", "what does not fit; empty: the chain holds"},
    {"findings.seq", "integer", "row"},
    {"findings.kind", "string",
     "changed, removed, reordered, added, head, signature, or omitted: what was done and is not told"},
    {"findings.message", "string", "in words"},
    {"checkpoint", "?object", "a team's newest, which was compared; null: none"},
    {"checkpoint.seq", "integer", "row that it names"},
    {"checkpoint.at", "time", "when it was made"},
    {"checkpoint.by", "string", "who made it"}};
constexpr Example verify_examples[] = {
    {"ymgr audit verify", "the whole chain, and the signature of its head"},
    {"ymgr audit verify --checkpoint head.json", "and that nothing before the checkpoint was rewritten"},
    {"ymgr audit verify --file audit.jsonl --checkpoint head.json", "offline, without profile or session"}};

constexpr Duration old_checkpoint = std::chrono::days(7);

audit::CheckpointPlace checkpoint_place(const TeamServers& servers) {
  const auto& settings = servers.settings;
  return {settings.transit, settings.prefix + "audit", settings.kv, settings.prefix + "checkpoints"};
}

struct Verified {
  Verification chain;
  std::optional<audit::TeamCheckpoint> checkpoint;
};

Json to_json(const Verification& verification) {
  Json findings = Json::array();
  for (const auto& finding : verification.findings)
    findings.push(Json::object({{"seq", finding.seq}, {"kind", finding.kind}, {"message", finding.message}}));
  return Json::object({{"rows", verification.rows},
                       {"signed_rows", verification.signed_rows},
                       {"unsigned_rows", verification.unsigned_rows},
                       {"head", verification.head},
                       {"findings", findings}});
}

/// Where the database's owner can't change it.
void compare_with_vault(Invocation& call, TeamServers& servers, Verified& verified) {
  const auto place = checkpoint_place(servers);
  verified.checkpoint = audit::newest_checkpoint(servers.vault, place);
  const auto& newest = verified.checkpoint;
  if (!newest) {
    call.notices().warn(
        "there is no checkpoint yet: who owns the database could have rewritten the whole trail. An admin makes one: "
        "ymgr audit checkpoint");
    return;
  }
  if (const auto finding = audit::compare(call.wiring().database(), servers.vault, place, *newest))
    verified.chain.findings.push_back(*finding);
  if (newest->at + old_checkpoint < now())
    call.notices().warn("the newest checkpoint is of " + format_time(newest->at) + " and covers " +
                        std::to_string(newest->seq) + " of " + std::to_string(verified.chain.rows) +
                        " rows: an admin makes another, ymgr audit checkpoint");
}

void look_for_omissions(sql::Connection& db, Verification& chain) {
  if (!sees_whole_trail(db)) return;  // the chain says what is missing
  for (auto& one : omitted_records(db)) chain.findings.push_back({0, "omitted", one.subject + ": " + one.message});
}

Verified verify_database(Invocation& call) {
  call.wiring().session().require(Right::read_audit);
  auto& db = call.wiring().database();
  auto* servers = call.wiring().team();
  Verified verified{audit::verify(db, {}, servers ? audit::HeadSignature::may_lack : audit::HeadSignature::expected),
                    {}};
  if (const auto file = call.maybe("--checkpoint"))
    if (const auto finding = audit::compare(db, audit::parse_checkpoint(read_input(*file))))
      verified.chain.findings.push_back(*finding);
  if (servers != nullptr) compare_with_vault(call, *servers, verified);
  look_for_omissions(db, verified.chain);
  return verified;
}

Verification verify_file(const std::string& file, const std::optional<std::string>& checkpoint) {
  if (!checkpoint)
    throw Error(Code::usage, "--file needs --checkpoint", "ymgr audit checkpoint --out head.json makes one");
  return audit::verify_export(read_file(file, 1024UL * 1024 * 1024), audit::parse_checkpoint(read_input(*checkpoint)));
}

Result run_verify(Invocation& call) {
  const auto file = call.maybe("--file");
  const auto verified = file ? Verified{verify_file(*file, call.maybe("--checkpoint")), {}} : verify_database(call);
  const auto& chain = verified.chain;
  Result result;
  result.json = to_json(chain);
  if (!chain.findings.empty()) {
    const auto& first = chain.findings.front();
    const bool only_omitted =
        std::ranges::all_of(chain.findings, [](const auto& one) { return one.kind == "omitted"; });
    throw Error(
        Code::chain_broken,
        (only_omitted ? "the audit chain holds, but it leaves out something: " : "the audit chain is broken: ") +
            first.message,
        "compare with the last checkpoint and backup; ymgr explain chain-broken",
        {{"rows", std::to_string(chain.rows)}, {"findings", dump_json(*result.json.find("findings"))}});
  }
  const auto& newest = verified.checkpoint;
  result.json.set(
      "checkpoint",
      newest ? Json::object({{"seq", newest->seq}, {"at", format_time(newest->at)}, {"by", newest->by}}) : Json());
  result.text = "the audit chain holds: " + std::to_string(chain.rows) + " rows, " +
                std::to_string(newest ? newest->seq : chain.signed_rows) + " signed\n";
  return result;
}

constexpr Option export_options[] = {
    {.name = "--out", .value = "FILE", .help = "where to; - is standard output, the default", .complete = "file"},
    {.name = "--from", .value = "TIME", .help = "not before"},
    {.name = "--to", .value = "TIME", .help = "before"},
    {.name = "--force", .value = "", .help = "overwrite the file"}};
constexpr Field export_fields[] = {{"rows", "integer", "rows written"},
                                   {"file", "?string", "where to; null: standard output"}};
constexpr Example export_examples[] = {
    {"ymgr audit export --out audit.jsonl", "JSON Lines, one row a line, the signed head last"}};

Result run_export(Invocation& call) {
  call.wiring().session().require(Right::read_audit);
  const auto out = call.text("--out");
  Result result;
  std::int64_t lines = 0;
  std::string text;
  const bool to_file = !out.empty() && out != "-";
  audit::export_rows(call.wiring().database(), query_of(call, 0), [&](std::string_view line) {
    text.append(line);
    if (line.empty() || line.back() != '\n') text += '\n';
    ++lines;
  });
  if (to_file) write_file(out, text, {}, call.has("--force") ? Existing::replace : Existing::refuse);
  result.json = Json::object({{"rows", lines > 0 ? lines - 1 : 0}, {"file", to_file ? Json(out) : Json()}});
  result.raw = !to_file;
  result.text = to_file ? std::to_string(lines > 0 ? lines - 1 : 0) + " rows in " + out + "\n" : text;
  return result;
}

constexpr Option checkpoint_options[] = {
    {.name = "--out",
     .value = "FILE",
     .help = "where to, such as a folder that the profile's owner can't change; - is standard output",
     .complete = "file"},
    {.name = "--force", .value = "", .help = "overwrite the file"}};
constexpr Field checkpoint_fields[] = {{"seq", "integer", "number of the last row"},
                                       {"hash", "string", "its hash"},
                                       {"at", "time", "when the checkpoint was made"},
                                       {"key_id", "?string", "key that signed; not a team's"},
                                       {"public_key", "?string", "Ed25519, base64; not a team's"},
                                       {"signature", "string", "base64: Ed25519; a team's: ECDSA of Vault's key"},
                                       {"by", "?string", "a team's: who made it"},
                                       {"key_version", "?integer", "a team's: of Vault's key"}};
constexpr Example checkpoint_examples[] = {
    {"ymgr audit checkpoint --out /mnt/worm/head.json", "keep the head where it can't be rewritten"}};

Result run_team_checkpoint(Invocation& call, TeamServers& servers) {
  const auto place = checkpoint_place(servers);
  if (call.has("--out"))
    throw Error(Code::usage, "a team's checkpoints stand in Vault, at " + place.kv + "/" + place.path,
                "leave out --out");
  const auto made =
      audit::write_checkpoint(call.wiring().database(), servers.vault, place, call.wiring().session().identity().user);
  Result result;
  result.json = audit::to_json(made);
  result.json.erase("schema");
  result.text = "checkpoint of row " + std::to_string(made.seq) + " in Vault, at " + place.kv + "/" + place.path + "\n";
  return result;
}

Result run_checkpoint(Invocation& call) {
  call.wiring().session().require(Right::checkpoint_audit);
  if (auto* servers = call.wiring().team()) return run_team_checkpoint(call, *servers);
  const auto* signer = call.wiring().head_signer();
  if (!signer) throw Error(Code::role_denied, "auditors can't sign the audit head", "ask an admin or operator");
  Result result;
  result.json = audit::to_json(audit::make_checkpoint(call.wiring().database(), *signer));
  const auto out = call.text("--out");
  const auto text = dump_json_pretty(result.json);
  if (!out.empty() && out != "-") {
    write_file(out, text, {0644, std::nullopt}, call.has("--force") ? Existing::replace : Existing::refuse);
    result.text = "checkpoint of row " + std::to_string(result.json.at("seq").integer()) + " in " + out + "\n";
  } else {
    result.text = text;
    result.raw = true;
  }
  result.json.erase("schema");  // the file's own
  return result;
}

}  // namespace

extern const Command audit_list_command, audit_verify_command, audit_export_command, audit_checkpoint_command;
constinit const Command audit_list_command = {
    .path = "audit list",
    .summary = "list audit events",
    .description = "The last events that fit, oldest first. Every row is chained to the one before it by its hash.",
    .arguments = {},
    .options = list_options,
    .fields = list_fields,
    .examples = list_examples,
    .run = run_list,
};
constinit const Command audit_verify_command = {
    .path = "audit verify",
    .summary = "verify the audit chain",
    .description =
        "Reads the whole chain, computes every hash again and checks the signature of its head. Names each row that "
        "was changed, removed "
        "or moved; the exit status is 1 then. A head that was replaced together with the end of the chain shows only "
        "against a "
        "checkpoint kept elsewhere.\n\n"
        "Then it looks for what was done and is not told: certificates, revocations, operations and YubiKeys without "
        "an event. In a "
        "team nobody signs the head; the chain is compared with the newest checkpoint in Vault, and a warning says "
        "when "
        "there is none, or none of the last 7 days.",
    .arguments = {},
    .options = verify_options,
    .fields = verify_fields,
    .examples = verify_examples,
    .run = run_verify,
};
constinit const Command audit_export_command = {
    .path = "audit export",
    .summary = "write the audit trail as JSON Lines",
    .description =
        "One row a line with everything its hash covers; the last line is the signed head. `ymgr audit verify --file` "
        "reads it.",
    .arguments = {},
    .options = export_options,
    .fields = export_fields,
    .examples = export_examples,
    .run = run_export,
};
constinit const Command audit_checkpoint_command = {
    .path = "audit checkpoint",
    .summary = "sign the head of the audit chain",
    .description =
        "Signs number and hash of the last row. Kept where the owner of the profile can't change it, it proves later "
        "that nothing before "
        "it was rewritten.\n\n"
        "In a team an admin makes it: a key in Vault signs, and Vault keeps it where who owns the database can't "
        "change it. "
        "`ymgr audit verify` compares with the newest.",
    .arguments = {},
    .options = checkpoint_options,
    .fields = checkpoint_fields,
    .examples = checkpoint_examples,
    .run = run_checkpoint,
};

}  // namespace ymgr::cli
