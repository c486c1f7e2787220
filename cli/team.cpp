#include "cli/team.hpp"

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "cli/invocation.hpp"

namespace ymgr::cli {

namespace {

/// What the environment says was not looked at before: other programs have their own ideas of it.
void check(const ConfigKey& key, const Setting& setting) {
  try {
    key.check(setting.value);
  } catch (const Error& error) {
    throw Error(Code::config_invalid, std::string(key.name) + " (" + setting.origin + "): " + error.what(),
                error.hint());
  }
}

void check_servers(const Config& config) {
  for (const ConfigKey& key : config_keys())
    if (key.name.starts_with("vault.") || key.name.starts_with("database.")) check(key, config.at(key.name));
  for (const char* key : {"vault.address", "database.host"})
    if (config.at(key).value.empty())
      throw Error(Code::config_invalid, std::string(key) + " is not set",
                  "Write it into the configuration file; 'ymgr config show --origin' shows what is set");
}

std::vector<std::string> domains_of(const Config& config) {
  std::vector<std::string> domains;
  for (const auto& domain : split(config.at("vault.domains").value, ','))
    if (!domain.empty()) domains.push_back(domain);
  return domains;
}

team::CaPlan ca_plan(const Invocation& call) {
  return {.ca = call.has("--create-ca") ? team::Ca::create : team::Ca::existing,
          .name = call.maybe("--ca-name").value_or("ymgr"),
          .crl_urls = call.list("--crl-url"),
          .ocsp_urls = call.list("--ocsp-url"),
          .issuer_urls = call.list("--issuer-url")};
}

FileMode mode_of(const std::string& path) {
  return {.mode = static_cast<mode_t>(path.ends_with(".sh") ? 0755 : 0644), .group = {}};
}

void write_plan(const std::string& folder, const std::vector<std::pair<std::string, std::string>>& files,
                Existing existing) {
  make_folders(folder, 0755);
  make_folder(folder + "/policies", 0755);
  for (const auto& [path, text] : files) {
    if (existing == Existing::replace || !exists(folder + "/" + path)) continue;
    throw Error(Code::file_exists, folder + "/" + path + " exists already",
                "Choose another folder, or overwrite it with --force");
  }
  for (const auto& [path, text] : files) write_file(folder + "/" + path, text, mode_of(path), existing);
}

}  // namespace

team::Settings team_settings(const Config& config) {
  check_servers(config);
  const auto value = [&](std::string_view key) { return config.at(key).value; };
  const std::string mount = value("vault.auth_mount");
  return {.address = value("vault.address"),
          .vault_namespace = value("vault.namespace"),
          .vault_ca_file = value("vault.ca_file"),
          .auth = value("vault.auth"),
          .auth_mount = mount.empty() ? value("vault.auth") : mount,
          .kv = value("vault.kv"),
          .transit = value("vault.transit"),
          .pki = value("vault.pki"),
          .database = value("vault.database"),
          .prefix = value("vault.prefix"),
          .domains = domains_of(config),
          .host = value("database.host"),
          .port = value("database.port"),
          .database_name = value("database.name"),
          .database_ca_file = value("database.ca_file"),
          .roles = value("database.roles")};
}

Result init_team(Invocation& call) {
  const std::string folder = call.text("--plan");
  if (folder.empty())
    throw Error(Code::usage, "--team needs to know what to do", "--plan DIR writes what is to be set up");
  const auto files = team::plan_files(team_settings(call.wiring().config()), ca_plan(call));
  Result result;
  result.json = Json::object({{"plan", folder}});
  Json names = Json::array();
  for (const auto& file : files) names.push(file.first);
  result.json.set("files", std::move(names));
  if (call.globals().dry_run) {
    result.text = "would write a plan to " + folder + "\n";
    return result;
  }
  write_plan(folder, files, call.has("--force") ? Existing::replace : Existing::refuse);
  result.text = "The plan is in " + folder + "; nothing was contacted. Read " + folder + "/REVIEW.md first.\n";
  result.changed = true;
  return result;
}

}  // namespace ymgr::cli
