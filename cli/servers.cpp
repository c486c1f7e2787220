#include "cli/servers.hpp"

#include <algorithm>
#include <tuple>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "cli/environment.hpp"
#include "cli/invocation.hpp"
#include "http/server.hpp"

namespace ymgr::cli {

namespace {

constexpr std::string_view pod_token = "/var/run/secrets/kubernetes.io/serviceaccount/token";

bool is_of_environment(const Setting& setting) {
  return setting.origin.starts_with("environment ");
}

std::vector<std::string> domains_of(const Config& config) {
  std::vector<std::string> domains;
  for (const auto& domain : split(config.at("vault.domains").value, ','))
    if (!domain.empty()) domains.push_back(domain);
  return domains;
}

team::LoginRequest by(const Config& config, const std::string& method) {
  const std::string &usual = config.at("vault.auth").value, &mount = config.at("vault.auth_mount").value;
  return {.method = method,
          .mount = method == usual && !mount.empty() ? mount : method,
          .user = {},
          .role = config.at("vault.role").value};
}

bool takes_password(std::string_view method) {
  return method == "userpass" || method == "ldap";
}

/// What stands in a flag's file, else in the configured one.
Secret credential(Invocation& call, std::string_view flag, std::string_view key, std::string_view prompt) {
  const auto& file = call.wiring().config().at(key).value;
  if (!call.has(flag) && !file.empty()) return read_secret_file(file);
  return call.secret(flag, prompt);
}

/// A person takes longer than a server: `--timeout` counts when it was meant for this command.
vault::OidcLogin asked_browser(Invocation& call) {
  vault::OidcLogin browser;
  browser.show = [&call](const std::string& url) { call.notices().warn("open this address in a browser: " + url); };
  if (const auto place = call.maybe("--listen")) std::tie(browser.address, browser.port) = http::parse_listen(*place);
  if (!browser.address.starts_with("127.") && browser.address != "::1")
    call.notices().warn("others reach " + printable(browser.address) + ", too, and may keep the browser from it");
  const Config& config = call.wiring().config();
  if (config.at("timeout").origin == "flag --timeout") browser.patience = config.timeout();
  return browser;
}

/// What another method takes would be ignored.
void refuse_other_credentials(const Invocation& call, std::string_view method) {
  constexpr std::pair<std::string_view, std::string_view> takers[] = {
      {"--user", "userpass ldap"},      {"--password-file", "userpass ldap"},
      {"--jwt-file", "jwt kubernetes"}, {"--role-id-file", "approle"},
      {"--secret-id-file", "approle"},  {"--token-file", "token"},
      {"--wrapped", "approle token"},   {"--listen", "oidc"},
  };
  for (const auto& [option, methods] : takers) {
    const auto takes = split(methods, ' ');
    if (call.has(option) && std::ranges::find(takes, method) == takes.end())
      throw Error(Code::usage, "--method " + std::string(method) + " has no use for " + std::string(option),
                  std::string(option) + " goes with " + join(takes, " and "));
  }
}

}  // namespace

/// One of a file, the other one of the environment, and not what the file says, too: a variable that is meant for other programs would
/// send a team's logins to another server.
void require_one_origin(const Setting& vault, const Setting& database) {
  if (is_of_environment(vault) == is_of_environment(database)) return;
  const Setting& given = is_of_environment(vault) ? vault : database;
  if (given.hidden == given.value) return;
  throw Error(Code::config_invalid,
              "vault.address (" + vault.origin + ") and database.host (" + database.origin +
                  ") are named in different places, and may belong to different teams",
              "Name both in the configuration file, or both in the environment: unset " +
                  given.origin.substr(given.origin.find(' ') + 1));
}

bool is_team(const Config& config, const std::string& embedded_database) {
  const Setting &vault = config.at("vault.address"), &database = config.at("database.host");
  if (vault.value.empty() || database.value.empty()) {
    if (!database.value.empty() && !is_of_environment(database))
      throw Error(Code::config_invalid, "database.host (" + database.origin + ") stands without vault.address",
                  "A team needs both: nothing would control who issues what");
    return false;
  }
  if (exists(embedded_database) && !hides_profile(config)) return false;
  require_one_origin(vault, database);
  return true;
}

bool hides_profile(const Config& config) {
  const Setting &vault = config.at("vault.address"), &database = config.at("database.host");
  if (vault.value.empty() || database.value.empty()) return false;
  const std::string& context = config.at("context").origin;
  if (context.starts_with("flag ") || context.starts_with("environment ")) return true;
  return !is_of_environment(config.at("home")) && !(is_of_environment(vault) && is_of_environment(database));
}

void check_setting(const ConfigKey& key, const Setting& setting) {
  try {
    key.check(setting.value);
  } catch (const Error& error) {
    throw Error(Code::config_invalid, std::string(key.name) + " (" + setting.origin + "): " + error.what(),
                error.hint());
  }
}

team::Settings known_team_settings(const Config& config) {
  for (const ConfigKey& key : config_keys())  // what the environment says was not looked at before
    if (key.name.starts_with("vault.") || key.name.starts_with("database.")) check_setting(key, config.at(key.name));
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

team::Settings team_settings(const Config& config) {
  team::Settings settings = known_team_settings(config);
  for (const char* key : {"vault.address", "database.host"})
    if (config.at(key).value.empty())
      throw Error(Code::config_invalid, std::string(key) + " is not set",
                  "Write it into the configuration file; 'ymgr config show --origin' shows what is set");
  return settings;
}

team::Reach team_reach(const Config& config) {
  team::Reach reach{.timeout = config.timeout()};
  const std::string &certificate = config.at("vault.certificate_file").value, &key = config.at("vault.key_file").value;
  if (certificate.empty() != key.empty())
    throw Error(Code::config_invalid, "vault.certificate_file and vault.key_file belong together", "Set both or none");
  if (!certificate.empty())
    reach.identity =
        std::make_shared<http::ClientIdentity>(http::ClientIdentity{read_file(certificate), read_secret_file(key)});
  return reach;
}

std::optional<Secret> environment_token() {
  for (const char* variable : {"BAO_TOKEN", "VAULT_TOKEN"})
    if (auto token = environment(variable)) return Secret::absorb(*token);
  return std::nullopt;
}

std::optional<team::LoginRequest> environment_login(const Config& config) {
  if (auto token = environment_token()) {
    auto request = by(config, "token");
    request.token = std::move(*token);
    return request;
  }
  const auto user = environment("YMGR_USER"), file = environment("YMGR_PASSWORD_FILE");
  if (!user || !file || !takes_password(config.at("vault.auth").value)) return std::nullopt;
  auto request = by(config, config.at("vault.auth").value);
  request.user = *user;
  request.password = read_secret_file(*file);
  return request;
}

std::optional<team::LoginRequest> configured_login(const Config& config) {
  const auto file = [&](std::string_view key) { return config.at(key).value; };
  auto request = by(config, config.at("vault.auth").value);
  const std::string& method = request.method;
  if (method == "cert" && !file("vault.certificate_file").empty()) return request;
  if (method == "approle" && !file("vault.role_id_file").empty()) {
    request.role_id = read_secret_file(file("vault.role_id_file"));
    if (const auto secret = file("vault.secret_id_file"); !secret.empty()) request.secret_id = read_secret_file(secret);
    return request;
  }
  std::string jwt = file("vault.jwt_file");
  if (jwt.empty() && method == "kubernetes") jwt = pod_token;
  if ((method != "jwt" && method != "kubernetes") || jwt.empty()) return std::nullopt;
  std::string text = read_file(jwt, 64 * 1024);
  request.jwt = Secret::absorb(text);
  return request;
}

team::LoginRequest asked_login(Invocation& call) {
  const Config& config = call.wiring().config();
  auto request = by(config, call.maybe("--method").value_or(config.at("vault.auth").value));
  const std::string& method = request.method;
  if (const auto role = call.maybe("--role")) request.role = *role;
  request.wrapped = call.has("--wrapped");
  refuse_other_credentials(call, method);
  if (takes_password(method)) {
    request.user = asked_user(call);
    request.password = asked_password(call, request.user);
  } else if (method == "approle") {
    request.role_id = credential(call, "--role-id-file", "vault.role_id_file", "Role id:");
    request.secret_id = credential(call, "--secret-id-file", "vault.secret_id_file", "Secret id:");
  } else if (method == "jwt" || method == "kubernetes") {
    if (!call.has("--jwt-file")) {
      if (auto configured = configured_login(config); configured && configured->method == method)
        return std::move(*configured);
    }
    request.jwt = call.secret("--jwt-file", "JWT:");
  } else if (method == "token") {
    auto given = call.has("--token-file") ? std::nullopt : environment_token();
    request.token = given ? std::move(*given) : call.secret("--token-file", "Token of Vault:");
  } else if (method == "oidc") {
    request.browser = asked_browser(call);
  }
  return request;
}

Secret asked_password(Invocation& call, const std::string& user) {
  const auto file = environment("YMGR_PASSWORD_FILE");
  if (!call.has("--password-file") && file) return read_secret_file(*file);
  return call.secret("--password-file", "Password of " + user + ":");
}

std::string asked_user(Invocation& call) {
  if (const auto given = call.maybe("--user")) return *given;
  if (const auto given = environment("YMGR_USER")) return *given;
  return std::string(trim(call.ask("--user NAME", "User:")));
}

Secret vault_token(Invocation& call) {
  if (call.has("--vault-token-file")) return call.secret("--vault-token-file", "Token of Vault:");
  if (auto token = environment_token()) return std::move(*token);
  return call.secret("--vault-token-file", "Token of Vault:");
}

}  // namespace ymgr::cli
