#include <algorithm>
#include <set>

#include "base/clock.hpp"
#include "base/text.hpp"
#include "vault/auth.hpp"
#include "workflow/team_apply.hpp"

namespace ymgr::team {
namespace {

using vault::Client;
using vault::Path;

/// "read, update on yubikeys/data/+/pin; parameters: …"
struct VaultRight {
  std::string policy;
  std::vector<std::string> capabilities;
  std::string planned, path;  // as the policy has it; one that it stands for
  bool is_limited = false;    // by parameters, which the policy's text alone has

  std::string granted_by(const std::string& capability) const {
    return is_limited ? "bao policy write " + policy + " policies/" + policy + ".hcl"
                      : vault::policy_line(planned, capability);
  }
};
VaultRight read_right(const Privilege& privilege) {
  const std::string& what = privilege.what;
  const auto on = what.find(" on "), limits = what.find(';');
  VaultRight right{privilege.who,
                   split(what.substr(0, on), ','),
                   what.substr(on + 4, limits - on - 4),
                   {},
                   limits != std::string::npos};
  for (auto& capability : right.capabilities) capability = trim(capability);
  return right;
}

/// A path that the pattern stands for; empty: it can't be told, such as serial numbers of YubiKeys.
std::string example_of(std::string path, const std::string& entity) {
  path = fill(path, {{"identity.entity.id", entity}});
  if (path.find("{{") != std::string::npos) return {};
  for (auto& character : path)
    if (character == '+' || character == '*') character = 'x';
  return path;
}

std::vector<VaultRight> rights_of(const std::vector<Privilege>& privileges, const vault::Token& token) {
  std::vector<VaultRight> rights;
  for (const Privilege& privilege : privileges) {
    if (std::ranges::find(token.policies, privilege.who) == token.policies.end()) continue;
    VaultRight right = read_right(privilege);
    right.path = example_of(right.planned, token.entity_id);
    if (!right.path.empty()) rights.push_back(std::move(right));
  }
  return rights;
}

bool is_granted(const std::vector<std::string>& granted, const std::string& capability) {
  return std::ranges::find(granted, capability) != granted.end() || std::ranges::find(granted, "root") != granted.end();
}

void check_rights(Client& client, const std::vector<VaultRight>& rights, std::vector<Missing>& missing) {
  if (rights.empty()) return;
  Json paths = Json::array();
  for (const auto& right : rights) paths.push(right.path);
  const auto answer = client.call(
      {.method = "POST", .path = Path("sys/capabilities-self"), .body = Json::object({{"paths", std::move(paths)}})});
  for (const auto& right : rights) {
    const auto granted = answer.data().texts_or_empty(right.path);
    for (const auto& capability : right.capabilities)
      if (!is_granted(granted, capability))
        missing.push_back({"vault", capability + " on " + right.planned, right.granted_by(capability)});
  }
}

bool may_read(Client& client, const std::string& path) {
  const auto answer = client.call({.method = "POST",
                                   .path = Path("sys/capabilities-self"),
                                   .body = Json::object({{"paths", Json::texts({path})}})});
  return is_granted(answer.data().texts_or_empty(path), "read");
}

void check_policies(Client& client, const Plan& plan, std::vector<Missing>& missing) {
  for (const Policy& policy : plan.policies) {
    const std::string path = "sys/policies/acl/" + policy.name;
    if (!may_read(client, path)) continue;
    const auto answer = client.call({.path = Path(path), .missing = vault::Missing::answers});
    if (answer.status == 404)
      missing.push_back({"vault", "the policy " + policy.name,
                         "bao policy write " + policy.name + " policies/" + policy.name + ".hcl"});
    else if (answer.data().text_or("policy", "") != policy.text)
      missing.push_back({"vault", "the policy " + policy.name + " as planned: it differs",
                         "bao policy write " + policy.name + " policies/" + policy.name + ".hcl"});
  }
}

/// The mounts that are not there.
std::vector<std::string> check_mounts(Client& client, const Plan& plan, std::vector<Missing>& missing) {
  std::vector<std::string> absent;
  for (const char* table : {"mounts", "auth"}) {
    const std::string path = "sys/" + std::string(table);
    if (!may_read(client, path)) continue;
    const auto there = client.call({.path = Path(path)}).data();
    for (const VaultMount& mount : plan.mounts) {
      if (mount.table != table || there.find(mount.path + "/") != nullptr) continue;
      absent.push_back(mount.path + "/");
      missing.push_back({"vault", mount.type + " at " + mount.path,
                         std::string("bao ") + (mount.table == "auth" ? "auth" : "secrets") +
                             " enable -path=" + mount.path + " " + (mount.type == "kv" ? "kv-v2" : mount.type)});
    }
  }
  return absent;
}

/// Vault gives durations as it was told them or in seconds, and lists in an order of its own.
bool means_the_same(const Json& want, const Json& there) {
  if (want == there) return true;
  if (want.is_text() && there.is_integer() && !want.text().empty() &&
      want.text().find_first_not_of("0123456789smhd") == std::string::npos)
    return parse_duration(want.text()) == std::chrono::seconds(there.integer());
  if (!want.is_array() || !there.is_array()) return false;
  const auto sorted = [](const Json& list) {
    std::vector<std::string> texts;
    for (const Json& item : list.items()) texts.push_back(dump_json(item));
    std::ranges::sort(texts);
    return texts;
  };
  return sorted(want) == sorted(there);
}

std::string write_line(const std::string& path, const std::string& member, const Json& value) {
  return "bao write " + path + " " + member + "=" + shell_quote(value.is_text() ? value.text() : dump_json(value));
}

/// A setting that was made by us, or stands in a mount that was there before.
void check_setting(Client& client, const VaultCall& call, std::vector<Missing>& missing) {
  if (!may_read(client, call.path)) return;
  const auto answer = client.call({.path = Path(call.path), .missing = vault::Missing::answers});
  if (answer.status == 404) {
    missing.push_back({"vault", call.why, "bao write " + call.path + " - <<<" + shell_quote(dump_json(call.body))});
    return;
  }
  for (const auto& [member, value] : call.body.members()) {
    const Json* there = answer.data().find(member);
    if (there == nullptr || !means_the_same(value, *there))
      missing.push_back({"vault", call.path + ": " + member + " as planned", write_line(call.path, member, value)});
  }
}

void check_settings(Client& client, const Plan& plan, const std::vector<std::string>& absent,
                    std::vector<Missing>& missing) {
  std::vector<const VaultCall*> calls;
  for (const VaultMount& mount : plan.mounts)
    for (const VaultCall& call : mount.first) calls.push_back(&call);
  for (const VaultCall& call : plan.calls)
    if (!call.path.starts_with("sys/")) calls.push_back(&call);
  for (const VaultCall* call : calls)
    if (std::ranges::none_of(absent, [&](const auto& mount) { return call->path.starts_with(mount); }))
      check_setting(client, *call, missing);
}

void check_engine(const Settings& settings, Client& client, std::vector<Missing>& missing) {
  const std::string path = settings.database + "/config/" + settings.prefix + "postgres";
  if (!may_read(client, path)) return;
  const auto there = client.call({.path = Path(path), .missing = vault::Missing::answers});
  if (there.status == 404 || is_closed(there.data()))
    missing.push_back({"vault", "the database engine's connection " + path, "ymgr init --team --apply"});
}

/// One privilege on one object of the database.
struct DatabaseRight {
  std::string privilege, column, object;  // column: empty for all
  std::string_view kind;                  // table, function, schema, database
};

std::string object_of(std::string name, std::string_view kind) {
  if (kind == "database" || kind == "schema") {
    std::erase(name, '"');
    return name;
  }
  return "ymgr." + name;
}

/// "SELECT, UPDATE (a, b)": privileges with their columns.
std::vector<DatabaseRight> privileges_of(std::string_view text) {
  std::vector<DatabaseRight> found;
  while (!text.empty()) {
    const auto end = std::min(text.find_first_of(",("), text.size());
    const std::string privilege(trim(text.substr(0, end)));
    if (end < text.size() && text[end] == '(') {
      const auto close = text.find(')', end);
      for (const auto& column : split(text.substr(end + 1, close - end - 1), ','))
        found.push_back({privilege, std::string(trim(column)), "", ""});
      text.remove_prefix(close + 1);
      text.remove_prefix(std::min(text.find_first_not_of(", "), text.size()));
    } else {
      found.push_back({privilege, "", "", ""});
      text.remove_prefix(std::min(end + 1, text.size()));
    }
  }
  return found;
}

/// "SELECT, UPDATE (a, b) ON t, u"
std::vector<DatabaseRight> read_grant(const std::string& what) {
  const auto on = what.rfind(" ON ");
  std::string objects = what.substr(on + 4);
  std::string_view kind = "table";
  for (const std::string_view word : {"function", "schema", "database"}) {
    if (lower(objects).starts_with(std::string(word) + " ")) {
      kind = word;
      objects.erase(0, word.size() + 1);
      break;
    }
  }
  std::vector<DatabaseRight> rights;
  for (const auto& name : split(objects, ','))
    for (DatabaseRight right : privileges_of(std::string_view(what).substr(0, on))) {
      right.object = object_of(std::string(trim(name)), kind);
      right.kind = kind;
      rights.push_back(std::move(right));
    }
  return rights;
}

bool asks_yes(sql::Connection& db, const std::string& text, std::initializer_list<sql::Value> params) {
  bool yes = false;
  db.run(text, params, [&](const sql::Row& row) { yes = row.integer(0) != 0; });
  return yes;
}

bool has(sql::Connection& db, const DatabaseRight& right) {
  if (!right.column.empty())
    return asks_yes(db, "SELECT CASE WHEN has_column_privilege($1, $2, $3) THEN 1 ELSE 0 END",
                    {right.object, right.column, right.privilege});
  return asks_yes(db, "SELECT CASE WHEN has_" + std::string(right.kind) + "_privilege($1, $2) THEN 1 ELSE 0 END",
                  {right.object, right.privilege});
}

std::string grant_line(const DatabaseRight& right, const std::string& role) {
  const std::string column = right.column.empty() ? "" : " (" + right.column + ")";
  const std::string kind = right.kind == "table" ? "" : std::string(right.kind) + " ";
  return "GRANT " + right.privilege + column + " ON " + kind + right.object + " TO \"" + role + "\";";
}

std::set<std::string> own_roles(sql::Connection& db, const Settings& settings) {
  std::set<std::string> roles;
  for (const auto role : role_names) {
    const std::string name = settings.roles + std::string(role);
    if (asks_yes(db,
                 "SELECT CASE WHEN EXISTS (SELECT 1 FROM pg_roles WHERE rolname = $1 AND pg_has_role(oid, 'MEMBER')) "
                 "THEN 1 ELSE 0 END",
                 {name}))
      roles.insert(name);
  }
  return roles;
}

}  // namespace

std::vector<Missing> check_vault(const Settings& settings, Client& client) {
  const Plan plan = make_plan(settings, {});
  const auto token = vault::look_up_self(client);
  std::vector<Missing> missing;
  check_rights(client, rights_of(plan.privileges, token), missing);
  const auto absent = check_mounts(client, plan, missing);
  check_policies(client, plan, missing);
  check_settings(client, plan, absent, missing);
  if (std::ranges::find(absent, settings.database + "/") == absent.end()) check_engine(settings, client, missing);
  return missing;
}

std::vector<Missing> check_database(const Settings& settings, sql::Connection& db) {
  std::vector<Privilege> privileges;
  make_roles_sql(settings, privileges);
  make_grants_sql(settings, privileges);
  std::vector<Missing> missing;
  if (const int version = sql::check_schema(db); version < sql::schema_version()) {
    missing.push_back({"postgresql",
                       "schema " + std::to_string(sql::schema_version()) + ": it has " + std::to_string(version),
                       "psql -d " + settings.database_name + " -f postgres.sql"});
    return missing;
  }
  const auto roles = own_roles(db, settings);
  for (const Privilege& privilege : privileges) {
    if (privilege.what.starts_with("only these rows")) continue;
    for (const auto& who : split(privilege.who, ',')) {
      const std::string role(trim(who));
      if (!roles.contains(role)) continue;
      for (const auto& right : read_grant(privilege.what))
        if (!has(db, right))
          missing.push_back({"postgresql", right.privilege + " on " + right.object, grant_line(right, role)});
    }
  }
  return missing;
}

}  // namespace ymgr::team
