#include "base/error.hpp"
#include "base/text.hpp"
#include "cli/invocation.hpp"
#include "cli/servers.hpp"
#include "cli/team.hpp"
#include "sql/migrations.hpp"
#include "workflow/team_apply.hpp"

namespace ymgr::cli {
namespace {

constexpr Option options[] = {
    {.name = "--database-user",
     .value = "NAME",
     .help = "in a team: log in to PostgreSQL as this role, such as the one that set it up"},
    {.name = "--database-password-file",
     .value = "FILE",
     .help = "its password, - for standard input",
     .complete = "file"},
};
constexpr Field status_fields[] = {
    {"database", "string", "sqlite or postgresql"},
    {"version", "integer", "version of the schema that the database has"},
    {"known_version", "integer", "version that this program knows"},
    {"min_client", "integer", "the oldest version that a program must know to work with it"},
    {"usable", "boolean", "whether this program works with it as it is"},
    {"pending", "array of string", "migrations that an upgrade would do"},
    {"missing", "array of object", "what whoever asks should be allowed in a team's database and is not"},
    {"missing.what", "string", "right and object"},
    {"missing.line", "string", "the line of SQL that grants it"},
};
constexpr Field upgrade_fields[] = {
    {"from_version", "integer", "version before"},
    {"version", "integer", "version now"},
    {"applied", "array of string", "migrations that were done, or would be with --dry-run"},
};
constexpr Example status_examples[] = {{"ymgr db status", "which schema the database has"}};
constexpr Example upgrade_examples[] = {
    {"ymgr db upgrade --database-user installer --database-password-file pw",
     "a team's, before its clients are upgraded"},
    {"ymgr db upgrade --dry-run", "what would be done"},
};

std::unique_ptr<sql::Connection> open_as_installer(Invocation& call) {
  return sql::open_postgres(database_login(call, team_settings(call.wiring().config())));
}

bool is_usable(const sql::SchemaState& state) {
  return state.pending.empty() && state.min_client <= sql::schema_version();
}

std::string text_of(const sql::SchemaState& state) {
  std::string text = "the database has schema " + std::to_string(state.version) + ", this ymgr knows " +
                     std::to_string(sql::schema_version()) + "\n";
  if (state.min_client > sql::schema_version())
    text += "it needs a ymgr that knows " + std::to_string(state.min_client) + "\n";
  for (const auto& name : state.pending) text += "pending: " + name + "\n";
  return text;
}

Json missing_in(Invocation& call, sql::Connection& db, std::string& text) {
  Json list = Json::array();
  for (const auto& one : team::check_database(team_settings(call.wiring().config()), db)) {
    list.push(Json::object({{"what", one.what}, {"line", one.line}}));
    text += "missing: " + one.what + "\n  " + one.line + "\n";
  }
  return list;
}

Result run_status(Invocation& call) {
  const bool is_team = call.wiring().is_team();
  if (!is_team && (call.has("--database-user") || call.has("--database-password-file")))
    throw Error(Code::usage, "--database-user and --database-password-file are for a team", "leave them out");
  const auto other = is_team && call.has("--database-user") ? open_as_installer(call) : nullptr;
  sql::Connection& db = other ? *other : call.wiring().any_database();
  const auto state = sql::schema_state(db);
  Result result{.text = text_of(state)};
  result.json = Json::object({{"database", is_team ? "postgresql" : "sqlite"},
                              {"version", state.version},
                              {"known_version", sql::schema_version()},
                              {"min_client", state.min_client},
                              {"usable", is_usable(state)},
                              {"pending", Json::texts(state.pending)}});
  result.json.set("missing", is_team && is_usable(state) ? missing_in(call, db, result.text) : Json::array());
  return result;
}

Result upgraded(const sql::SchemaState& before, bool done) {
  const bool changes = !before.pending.empty();
  Result result{.json = Json::object({{"from_version", before.version}, {"applied", Json::texts(before.pending)}})};
  result.json.set("version", done ? std::max(before.version, sql::schema_version()) : before.version);
  result.changed = done && changes;
  const std::string versions =
      "schema " + std::to_string(before.version) + " to " + std::to_string(sql::schema_version()) + "\n";
  if (changes)
    result.text = (done ? "upgraded from " : "would upgrade from ") + versions;
  else
    result.text = "the database has schema " + std::to_string(before.version) + " already\n";
  return result;
}

Result upgrade_team(Invocation& call) {
  const auto settings = team_settings(call.wiring().config());
  const team::Login login = [&] { return database_login(call, settings); };
  const auto before = sql::schema_state(*team::open_as_owner(settings, login));
  if (call.globals().dry_run) return upgraded(before, false);
  call.confirm("Upgrade the database " + settings.database_name + " at " + settings.host + " from schema " +
               std::to_string(before.version) + " to " + std::to_string(sql::schema_version()) + "?");
  team::Applied applied;
  team::apply_database(settings, login, applied);
  return upgraded(before, true);
}

Result run_upgrade(Invocation& call) {
  if (call.wiring().is_team()) return upgrade_team(call);
  if (call.has("--database-user") || call.has("--database-password-file"))
    throw Error(Code::usage, "the database of this profile is a file: nobody logs in to it", "leave these options out");
  const auto before = sql::schema_state(call.wiring().any_database());
  if (!call.globals().dry_run) call.wiring().database();
  return upgraded(before, !call.globals().dry_run);
}

}  // namespace

extern const Command db_status_command, db_upgrade_command;

constinit const Command db_status_command = {
    .path = "db status",
    .summary = "show which schema the database has",
    .description =
        "Compares the database's schema with what this program knows, and changes nothing. An older program works with "
        "a "
        "newer schema as long as that says so (`min_client`). In a team it also tells what the database should allow "
        "whoever asks and does not: the session's login, or the one of `--database-user`.",
    .arguments = {},
    .options = options,
    .fields = status_fields,
    .examples = status_examples,
    .run = run_status,
};

constinit const Command db_upgrade_command = {
    .path = "db upgrade",
    .summary = "bring the database's schema to this program's version",
    .description =
        "Does the migrations that the database lacks, one transaction each, and in a team grants every role's rights "
        "anew. "
        "Several may do it at once, and again without harm. In a team it is for whoever set the database up: a "
        "superuser, "
        "or a role with CREATEROLE that owns it. The clients of the release before go on working; upgrade the database "
        "first. A profile on one machine is upgraded by any command.",
    .arguments = {},
    .options = options,
    .fields = upgrade_fields,
    .examples = upgrade_examples,
    .run = run_upgrade,
    .effect = Effect::changes,
};

}  // namespace ymgr::cli
