#include <algorithm>

#include "base/text.hpp"
#include "workflow/team_plan.hpp"

namespace ymgr::team {
namespace {

/// Empty: there are none of that section.
std::string section_yaml(std::string_view section, const PublicSettings& settings) {
  std::string text;
  for (const auto& [key, value] : settings)
    if (key.starts_with(std::string(section) + ".") && !value.empty())
      text += "  " + key.substr(section.size() + 1) + ": \"" + value + "\"\n";
  return text.empty() ? text : std::string(section) + ":\n" + text;
}

}  // namespace

PublicSettings public_settings(const Settings& settings) {
  return {{"vault.address", settings.address},
          {"vault.namespace", settings.vault_namespace},
          {"vault.auth", settings.auth},
          {"vault.auth_mount", settings.auth_mount},
          {"vault.kv", settings.kv},
          {"vault.transit", settings.transit},
          {"vault.pki", settings.pki},
          {"vault.database", settings.database},
          {"vault.prefix", settings.prefix},
          {"vault.domains", join(settings.domains, ",")},
          {"database.host", settings.host},
          {"database.port", settings.port},
          {"database.name", settings.database_name},
          {"database.roles", settings.roles},
          {"license.vendor_key", settings.vendor_keys}};
}

std::string settings_yaml(const PublicSettings& settings, const PublicSettings& files) {
  PublicSettings all = settings;
  all.insert(all.end(), files.begin(), files.end());
  return "# For the clients of the team: /etc/ymgr/ymgr.yaml, or the file of one's own.\n" +
         section_yaml("vault", all) + section_yaml("database", all) + section_yaml("license", all);
}

std::string settings_path(const Settings& settings) {
  return settings.kv + "/data/" + settings.prefix + "settings";
}

Json json_of(const PublicSettings& settings) {
  Json json = Json::object();
  for (const auto& [key, value] : settings) json.set(key, value);
  return json;
}

}  // namespace ymgr::team
