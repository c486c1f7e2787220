#include <algorithm>

#include "base/text.hpp"
#include "sql/migrations.hpp"
#include "workflow/team_plan.hpp"

namespace ymgr::team {
namespace {

std::string here_document(const Json& body) {
  return " <<'JSON'\n" + dump_json_pretty(body) + "JSON\n";
}

std::string call_text(const VaultCall& call) {
  return "\n# " + call.why + "\ncall " + call.method + " " + call.path + here_document(call.body);
}

std::string mount_text(const VaultMount& mount) {
  std::string text = "\n# " + mount.why + "\nif absent " + mount.table + " " + mount.path + " " + mount.type +
                     "; then\ncall POST sys/" + mount.table + "/" + mount.path + here_document(mount.body);
  text += "fi\n";
  if (mount.first.empty()) return text;
  text += "if half_made " + mount.table + " " + mount.path + "; then\n";
  for (const VaultCall& call : mount.first) text += call_text(call);
  return text + call_text(finish(mount)) + "fi\n";
}

/// The CA of a mount that was just made: a root in a mount of its own, and the issuing CA below it.
std::string ca_text(const Settings& settings, const CaPlan& plan) {
  return "\n# a root of 15 years in a mount of its own, and an issuing CA of 5 years below it\nif [ -z \"$(issuers " +
         settings.pki + ")\" ]; then\n" +
         fill(text_named("ca_calls"),
              {{"pki", settings.pki}, {"ca", plan.name}, {"unfinished", std::string(unfinished_key)}}) +
         "fi\n";
}

Words script_words(const Settings& settings) {
  return {{"address", split(settings.address, ',').front()},
          {"namespace", settings.vault_namespace},
          {"ca_file", settings.vault_ca_file},
          {"prefix", settings.prefix},
          {"auth", settings.auth},
          {"auth_mount", settings.auth_mount},
          {"pki", settings.pki},
          {"transit", settings.transit},
          {"dbname", settings.database_name},
          {"database", settings.database},
          {"role", settings.roles},
          {"half_made", std::string(half_made)}};
}

std::string vault_script(const Settings& settings, const CaPlan& ca, const Plan& plan) {
  std::string text = fill(text_named("script_head"), script_words(settings));
  text += fill(text_named("vault_head"), script_words(settings));
  for (const VaultMount& mount : plan.mounts) text += mount_text(mount);
  if (ca.ca == Ca::create) text += ca_text(settings, ca);
  for (const Policy& policy : plan.policies) text += "policy " + policy.name + "\n";
  for (const VaultCall& call : plan.calls) text += call_text(call);
  text += fill(text_named("settings_calls"),
               {{"path", settings_path(settings)}, {"settings", dump_json_pretty(json_of(public_settings(settings)))}});
  return text + fill(text_named("database_calls"),
                     {{"connection", dump_json_pretty(engine_connection(settings).set("password", "PASSWORD"))},
                      {"database", settings.database},
                      {"role", settings.roles},
                      {"prefix", settings.prefix},
                      {"open_to", std::string(open_to)}});
}

std::string person_script(const Settings& settings) {
  const Person person{"@USER@", "@ROLE@", "@ENTITY@", {"@NAMES@"}, "@UPN@"};
  std::string text = fill(text_named("script_head"), script_words(settings));
  Words words = script_words(settings);
  words.emplace_back("account",
                     settings.auth == "userpass" ? fill(text_named("userpass_calls"), words) : std::string());
  text += fill(text_named("person_head"), words);
  for (const VaultCall& call : person_calls(settings, person)) {
    const std::string path = call.path.substr(0, call.path.find('@')) + "$entity";
    text += "\n# " + call.why + "\nnames '\", \"' <<'JSON' | call " + call.method + " \"" + path + "\"\n" +
            dump_json_pretty(call.body) + "JSON\n";
  }
  return text + "\nrows <<'SQL'\n" + person_sql(person) + "SQL\n";
}

std::string migration_text(const sql::Migration& migration) {
  const std::string number = std::to_string(migration.number());
  return "\nSELECT NOT EXISTS (SELECT FROM schema_migrations WHERE number = " + number +
         ") AS missing \\gset\n\\if :missing\n" + std::string(migration.text) +
         "INSERT INTO schema_migrations (number, name, sha256, min_client, applied_at) VALUES (" + number + ", '" +
         std::string(migration.name) + "', '" + migration.sha256() + "', " + std::to_string(migration.min_client()) +
         ", floor(extract(epoch FROM now()) * 1000000));\n\\endif\n";
}

std::string sql_script(const Settings& settings, const Plan& plan) {
  std::string text = fill(text_named("sql_head"), {{"role", settings.roles}, {"dbname", settings.database_name}}) +
                     "\n" + plan.roles_sql + fill(text_named("sql_schema"), {{"role", settings.roles}});
  for (const auto& migration : sql::migrations(sql::Dialect::postgres)) text += migration_text(migration);
  return text + "\n" + plan.grants_sql + "RESET ROLE;\nCOMMIT;\n";
}

std::string review(const Settings& settings, const Plan& plan) {
  std::string text = fill(text_named("review"), script_words(settings));
  for (const std::string_view server : {"vault", "postgresql"}) {
    text += server == "vault" ? "\n## OpenBao or Vault\n" : "\n## PostgreSQL\n";
    text += "\n| who | what | why |\n|---|---|---|\n";
    for (const Privilege& privilege : plan.privileges)
      if (privilege.server == server)
        text += "| " + privilege.who + " | `" + privilege.what + "` | " + privilege.why + " |\n";
  }
  return text;
}

PublicSettings files_of(const Settings& settings) {
  return {{"vault.ca_file", settings.vault_ca_file}, {"database.ca_file", settings.database_ca_file}};
}

}  // namespace

std::vector<std::pair<std::string, std::string>> plan_files(const Settings& settings, const CaPlan& ca) {
  const Plan plan = make_plan(settings, ca);
  std::vector<std::pair<std::string, std::string>> files = {
      {"REVIEW.md", review(settings, plan)},
      {"vault.sh", vault_script(settings, ca, plan)},
      {"person.sh", person_script(settings)},
      {"postgres.sql", sql_script(settings, plan)},
      {"settings.yaml", settings_yaml(public_settings(settings), files_of(settings))}};
  for (const Policy& policy : plan.policies) files.emplace_back("policies/" + policy.name + ".hcl", policy.text);
  return files;
}

}  // namespace ymgr::team
