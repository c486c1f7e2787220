#include <chrono>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "cli/certificates.hpp"
#include "cli/invocation.hpp"
#include "cli/output/table.hpp"
#include "cli/servers.hpp"
#include "cli/team.hpp"
#include "secrets/secrets_vault.hpp"
#include "workflow/migrate_profile.hpp"
#include "workflow/team_apply.hpp"

namespace ymgr::cli {
namespace {

using namespace ymgr::migrate;

constexpr Option options[] = {
    {.name = "--to", .value = "CONTEXT", .help = "context of the team in the configuration", .complete = "context"},
    {.name = "--audit-file",
     .value = "FILE",
     .help = "keep the audit trail there when the team's has begun already",
     .complete = "file"},
    {.name = "--vault-token-file",
     .value = "FILE",
     .help = "token of Vault, else BAO_TOKEN or VAULT_TOKEN",
     .complete = "file"},
    {.name = "--database-user", .value = "NAME", .help = "the login that set the team up, else PGUSER"},
    {.name = "--database-password-file", .value = "FILE", .help = "password of that user", .complete = "file"},
    {.name = "--force", .value = "", .help = "overwrite the audit file"},
};

constexpr Field fields[] = {
    {"context", "string", "where to"},
    {"moved_before", "?time", "when this profile was moved; null: never"},
    {"tables", "array of object", "what moves"},
    {"tables.name", "string", "a table, or device secrets"},
    {"tables.source", "integer", "rows of the profile"},
    {"tables.copied", "integer", "rows that the team got now"},
    {"tables.updated", "integer", "rows whose status or list went on since, and was brought along"},
    {"tables.present", "integer", "rows that the team had before"},
    {"tables.differing", "integer", "rows that the team has changed since; left alone"},
    {"tables.verified", "boolean",
     "the team has all of it, by count and content; false with --dry-run where something is to be copied"},
    {"tables.content", "?string", "hash over what the team has of it; null for secrets"},
    {"audit_trail", "string", "moved: the team's begins with it; filed: it stands in a file that the team's names"},
    {"audit_rows", "integer", "rows of it that moved"},
    {"audit_file", "?string", "that file"},
    {"conflicts", "array of object", "other content under the same key; with any, nothing is moved"},
    {"conflicts.table", "string", "a table, or device secrets"},
    {"conflicts.key", "string", "which row"},
    {"conflicts.columns", "string", "what differs"},
    {"missing_people", "array of object", "who has no login in the team"},
    {"missing_people.name", "string", "name"},
    {"missing_people.role", "string", "role here"},
    {"missing_people.command", "string", "what adds the person"},
    {"sealed_keys", "object", "active certificates whose key stays here; renewal makes another in the team"},
    {"sealed_keys.count", "integer", "how many"},
    {"sealed_keys.certificates", "array of object", "the first thousand"},
    {"sealed_keys.certificates.name", "string", "name"},
    {"sealed_keys.certificates.serial_number", "string", "serial number"},
    {"sealed_keys.certificates.key_reference", "string", "where the key is"},
    {"to_be_revoked", "object", "certificates of the profile's CA that the team revoked: revoke them here, too"},
    {"to_be_revoked.count", "integer", "how many"},
    {"to_be_revoked.certificates", "array of object", "the first thousand"},
    {"to_be_revoked.certificates.name", "string", "name"},
    {"to_be_revoked.certificates.serial_number", "string", "serial number"},
    {"to_be_revoked.certificates.command", "string", "what revokes it"},
    {"audit_reference", "?string", "request id under which both audit trails have it; null: nothing was done"},
};
constexpr Example examples[] = {
    {"ymgr migrate --to team --database-user installer --dry-run", "counts, conflicts, and who is missing"},
    {"ymgr migrate --to team --database-user installer --yes", "moves; run it again after an interruption"},
    {"ymgr migrate --to team --database-user installer --audit-file old-trail.jsonl",
     "where the team's audit trail has begun already"},
};

/// The configuration as `--context NAME` would have it.
Config context_named(const Invocation& call, const std::string& name) {
  Values values;
  values.set("--context", {name});
  if (const auto file = call.maybe("--config")) values.set("--config", {*file});
  const auto files = read_config_files(values);
  return make_config(values, &files);
}

std::string command_of(const MissingPerson& person, const std::string& context) {
  return "ymgr user add " + shell_quote(person.name) + " --role " + person.role + " --context " + shell_quote(context);
}

std::string command_of(const Left& certificate) {
  return "ymgr revoke " + certificate.serial + " --reason " + certificate.what;
}

Json to_json(const Moved& moved) {
  return Json::object({{"name", moved.name},
                       {"source", moved.rows},
                       {"copied", moved.copied},
                       {"updated", moved.updated},
                       {"present", moved.present},
                       {"differing", moved.differing},
                       {"verified", moved.verified},
                       {"content", moved.content.empty() ? Json() : Json(moved.content)}});
}

Json lefts_json(const Lefts& lefts, bool are_keys) {
  Json certificates = Json::array();
  for (const auto& one : lefts.first) {
    Json json = Json::object({{"name", one.name}, {"serial_number", one.serial}});
    json.set(are_keys ? "key_reference" : "command", are_keys ? one.what : command_of(one));
    certificates.push(std::move(json));
  }
  return Json::object({{"count", lefts.count}, {"certificates", std::move(certificates)}});
}

Json to_json(const Report& report, const Order& order) {
  Json tables = Json::array(), conflicts = Json::array(), people = Json::array();
  for (const auto& moved : report.tables) tables.push(to_json(moved));
  for (const auto& one : report.conflicts)
    conflicts.push(Json::object({{"table", one.table}, {"key", one.key}, {"columns", one.columns}}));
  for (const auto& person : report.missing_people)
    people.push(Json::object(
        {{"name", person.name}, {"role", person.role}, {"command", command_of(person, order.to.context)}}));
  const bool filed = report.trail == TrailWay::filed;
  return Json::object({{"context", order.to.context},
                       {"moved_before", report.moved_at ? Json(format_time(*report.moved_at)) : Json()},
                       {"tables", std::move(tables)},
                       {"audit_trail", filed ? "filed" : "moved"},
                       {"audit_rows", report.trail_rows},
                       {"audit_file", filed && !order.audit_file.empty() ? Json(order.audit_file) : Json()},
                       {"conflicts", std::move(conflicts)},
                       {"missing_people", std::move(people)},
                       {"sealed_keys", lefts_json(report.sealed_keys, true)},
                       {"to_be_revoked", lefts_json(report.to_be_revoked, false)},
                       {"audit_reference", report.request_id.empty() ? Json() : Json(report.request_id)}});
}

std::string table_text(const Report& report) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& moved : report.tables)
    rows.push_back({moved.name, std::to_string(moved.rows), std::to_string(moved.copied), std::to_string(moved.present),
                    moved.verified ? "yes" : "no"});
  return format_table({"NAME", "SOURCE", "COPIED", "PRESENT", "VERIFIED"}, rows);
}

std::string trail_text(const Report& report, const Order& order) {
  if (report.trail == TrailWay::moved) return {};
  return "The team's audit trail had begun already: this profile's " + std::to_string(report.trail_rows) +
         " rows stand in " + (order.audit_file.empty() ? "a file (--audit-file)" : order.audit_file) +
         ", which the event audit.imported names.\n";
}

/// What a person has to do or to know.
std::string remarks(const Report& report, const Order& order) {
  std::string text = trail_text(report, order);
  for (const auto& one : report.conflicts)
    text += "conflict: " + one.table + ": " + one.key + " differs in " + one.columns + "\n";
  for (const auto& person : report.missing_people)
    text += person.name + " has no login in the team: " + command_of(person, order.to.context) + "\n";
  for (const auto& one : report.to_be_revoked.first)
    text += one.name + " is revoked in the team, and its CA is here: " + command_of(one) + "\n";
  if (report.sealed_keys.count > 0)
    text += std::to_string(report.sealed_keys.count) +
            " sealed keys stay here, since Vault takes in no keys: renew these certificates in the team (--json lists "
            "them).\n";
  return text +
         "The CA of this profile stays here and signs nothing for the team: its lists come from here (ymgr ca "
         "crl), and what is revoked here goes to the team when this is run again.\n";
}

std::string headline(const Report& report, const Order& order, bool dry_run) {
  if (dry_run) return "would move this profile to " + order.to.context + "\n";
  if (!report.conflicts.empty()) return "Nothing was moved: the team has other content under the same key.\n";
  if (!report.changed) return "Nothing to do: this profile was moved " + format_time(*report.moved_at) + ".\n";
  return report.moved_at ? "What came up since went to " + order.to.context + ".\n"
                         : "The profile has moved to " + order.to.context + ".\n";
}

Result run(Invocation& call) {
  auto& wiring = call.wiring();
  if (!call.has("--to")) throw Error(Code::usage, "migrate needs to know where to", "Give --to CONTEXT");
  wiring.require_embedded("moves", "Name the folder of the profile with YMGR_HOME");
  wiring.session().require(Right::backup);
  const Config config = context_named(call, call.text("--to"));
  const auto settings = team_settings(config);
  auto vault = team::open_vault(settings, team_reach(config));
  vault.use_token(vault_token(call));
  const auto database = team::open_as_owner(settings, [&] { return database_login(call, settings); });
  const auto secrets = open_vault_secrets(vault, settings.kv);
  const auto reader = wiring.open_reader();
  const Order order{.from = {*reader, wiring.database(), wiring.session(), wiring.head_signer()},
                    .to = {*database, *secrets, call.text("--to")},
                    .audit_file = call.has("--audit-file") ? absolute_path(call.text("--audit-file")) : std::string(),
                    .existing = call.has("--force") ? Existing::replace : Existing::refuse,
                    .notices = call.notices()};
  const bool dry_run = call.globals().dry_run;
  if (!dry_run) call.confirm("Move the profile " + wiring.paths().home + " to " + order.to.context + "?");
  const Report report = dry_run ? look(order) : migrate::move(order);
  Result result{.json = to_json(report, order)};
  result.text = headline(report, order, dry_run) + table_text(report) + remarks(report, order);
  result.exit = report.conflicts.empty() ? 0 : 1;
  result.changed = report.changed;
  return result;
}

}  // namespace

extern const Command migrate_command;
constinit const Command migrate_command = {
    .path = "migrate",
    .summary = "move a profile to a team",
    .description =
        "Moves what an embedded profile knows to the servers of a team: certificates with their lineage and labels, "
        "operations, denied keys, YubiKeys and people into PostgreSQL, the secrets of YubiKeys into Vault. Needs an "
        "admin's session here, a token of Vault that may write secrets, and the database login that set the team up, "
        "since rows of others come along.\n\n"
        "Everything is compared before and afterwards, by count and content. Other content under the same key is never "
        "overwritten: it is a conflict, and nothing is moved. After an interruption run the same command again. A "
        "profile that has moved may be moved again: what it issued or revoked since goes to the team, what the team "
        "has changed stays.\n\n"
        "The audit trail becomes the beginning of the team's, with its places, times, actors and hashes, while that is "
        "empty: after `ymgr init --team --apply` and before the first person is added, the admin of `--admin` "
        "included, or logs in. The database "
        "computes every hash again. A trail that has begun can't get another beginning: then `--audit-file` keeps this "
        "one, with a checkpoint beside it, and the event `audit.imported` in the team's trail names its number of "
        "rows, its head and the file's SHA-256. `ymgr audit verify --file FILE --checkpoint FILE.checkpoint` verifies "
        "it.\n\n"
        "What stays: passwords and sessions; the keys that the profile keeps sealed, since Vault takes in none "
        "(renewal makes one in the team); and the CA with its key, which the team has as a retired one. Until its "
        "certificates are renewed in the team they are revoked here: `ymgr revoke`, then this command again. Keys in "
        "files and on YubiKeys stay where they are.",
    .arguments = {},
    .options = options,
    .fields = fields,
    .examples = examples,
    .run = run,
    .effect = Effect::changes,
};

}  // namespace ymgr::cli
