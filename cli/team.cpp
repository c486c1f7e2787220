#include "cli/team.hpp"

#include <algorithm>
#include <iterator>
#include <memory>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "cli/certificates.hpp"
#include "cli/environment.hpp"
#include "cli/invocation.hpp"
#include "cli/servers.hpp"
#include "vault/auth.hpp"
#include "vault/database.hpp"
#include "workflow/team_apply.hpp"
#include "workflow/team_people.hpp"

namespace ymgr::cli {

namespace {

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

/// With the keys themselves in place of the files that have them here.
team::Settings settings_to_publish(const Config& config) {
  auto settings = team_settings(config);
  for (const auto& key : config.vendor_keys())
    settings.vendor_keys += (settings.vendor_keys.empty() ? "" : ",") + key.inline_text();
  return settings;
}

Result plan(Invocation& call) {
  const std::string folder = call.text("--plan");
  const auto files = team::plan_files(settings_to_publish(call.wiring().config()), ca_plan(call));
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

vault::Client open_vault(Invocation& call, const team::Settings& settings) {
  auto client = team::open_vault(settings, team_reach(call.wiring().config()));
  client.use_token(vault_token(call));
  return client;
}

PolicyText first_policy(const Invocation& call) {
  if (call.has("--policy")) return read_policy_file(call.text("--policy"));
  const std::string preset = call.maybe("--preset").value_or("internal");
  return {default_policy(preset), "the preset " + preset};
}

/// nullopt: there is no admin to add, or accounts are somebody else's.
std::optional<Secret> first_admin_password(Invocation& call, const team::Settings& settings) {
  if (!call.has("--admin")) return std::nullopt;
  users::check_user_name(call.text("--admin"));
  if (!team::has_accounts(settings)) {
    if (call.has("--password-file"))
      throw Error(Code::usage, "passwords of " + settings.auth + " are kept elsewhere", "leave --password-file out");
    return std::nullopt;
  }
  Secret password =
      call.new_secret("--password-file", "Password of " + call.text("--admin") + " (12 characters at least):");
  users::check_password(password);
  return password;
}

Result apply(Invocation& call) {
  const auto settings = settings_to_publish(call.wiring().config());
  Result result;
  if (call.globals().dry_run) {
    result.text =
        "would set up " + settings.address + " and the database " + settings.database_name + "; --plan tells what\n";
    return result;
  }
  vault::Client client = open_vault(call, settings);
  const auto password = first_admin_password(call, settings);
  call.confirm("Set up " + settings.address + " and the database " + settings.database_name + " at " + settings.host +
               "?");
  team::Applied applied;
  team::apply_database(
      settings, [&] { return database_login(call, settings); }, applied);
  team::apply_vault(
      settings, ca_plan(call), client, [&] { return database_login(call, settings); }, applied);
  team::introduce(
      settings, client, [&] { return database_login(call, settings); }, {first_policy(call), call.has("--demo")},
      applied);
  if (call.has("--admin"))
    team::add_first_admin(
        settings, client, [&] { return database_login(call, settings); }, call.text("--admin"),
        password ? &*password : nullptr, applied);
  result.json = Json::object({{"made", Json::texts(applied.made)}, {"kept", Json::texts(applied.kept)}});
  for (const auto& what : applied.made) result.text += "made: " + what + "\n";
  for (const auto& what : applied.kept) result.text += "is there already: " + what + "\n";
  result.changed = true;
  return result;
}

/// As the person that the token is of, unless another login is named.
std::unique_ptr<sql::Connection> open_database(Invocation& call, const team::Settings& settings,
                                               vault::Client& client) {
  sql::PostgresSettings login = team::database_place(settings, team_reach(call.wiring().config()));
  const auto token = vault::look_up_self(client);
  if (call.has("--database-user") || token.entity_id.empty()) {
    login = database_login(call, settings);
  } else {
    auto credentials = vault::database_credentials(client, settings.database, "u-" + token.entity_id);
    login.user = std::move(credentials.username);
    login.password = std::move(credentials.password);
  }
  return sql::open_postgres(std::move(login));
}

std::vector<team::Missing> check_servers(const team::Settings& settings, vault::Client& client, sql::Connection& db) {
  auto missing = team::check_vault(settings, client);
  std::ranges::move(team::check_database(settings, db), std::back_inserter(missing));
  return missing;
}

/// Whose token is named, else who is logged in.
std::vector<team::Missing> find_missing(Invocation& call, const team::Settings& settings) {
  const bool named = call.has("--vault-token-file") || environment("BAO_TOKEN") || environment("VAULT_TOKEN");
  if (!named) {
    TeamServers* servers = call.wiring().team();
    return check_servers(settings, servers->vault, call.wiring().any_database());
  }
  vault::Client client = open_vault(call, settings);
  return check_servers(settings, client, *open_database(call, settings, client));
}

Result check(Invocation& call) {
  const auto settings = team_settings(call.wiring().config());
  const auto missing = find_missing(call, settings);
  Result result;
  Json list = Json::array();
  for (const auto& one : missing) {
    list.push(Json::object({{"server", one.server}, {"what", one.what}, {"line", one.line}}));
    result.text += "missing: " + one.what + "\n  " + one.line + "\n";
  }
  result.json = Json::object({{"missing", std::move(list)}});
  if (missing.empty()) result.text = "nothing is missing\n";
  result.exit = missing.empty() ? 0 : 1;
  return result;
}

/// By a token, or by name and password where the auth method takes them.
void log_in(Invocation& call, vault::Client& client) {
  if (call.has("--user"))
    team::log_in(client, asked_login(call));
  else
    client.use_token(vault_token(call));
}

/// Of a list of vendors' keys each may be one.
bool names_path(std::string_view name, const std::string& value) {
  if (name != "license.vendor_key")
    return std::ranges::any_of(split(value, ','), [](const std::string& one) { return one.starts_with('/'); });
  return std::ranges::any_of(split(value, ','),
                             [](const std::string& one) { return !license::inline_vendor_key(one); });
}

/// What a server says of itself is looked at like a file: known keys, values that can be, and no path of this host.
team::PublicSettings checked(const team::PublicSettings& published) {
  team::PublicSettings good;
  for (const auto& [name, value] : published) {
    const auto keys = config_keys();
    const auto key = std::ranges::find(keys, std::string_view(name), &ConfigKey::name);
    const bool known = key != keys.end() &&
                       (name.starts_with("vault.") || name.starts_with("database.") || name == "license.vendor_key");
    if (!known || name.ends_with("_file") || value.empty()) continue;
    check_setting(*key, {value, "published settings"});
    if (names_path(name, value))
      throw Error(Code::config_invalid, "the published " + name + " is a path of the host it was published from",
                  "Publish a name that clients can reach: init --team --apply");
    good.emplace_back(name, value);
  }
  return good;
}

/// A login for one command alone: it ends with it, whatever became of the command.
class LoginOnce {
 public:
  explicit LoginOnce(vault::Client& client) : client_(client) {}
  LoginOnce(const LoginOnce&) = delete;
  LoginOnce& operator=(const LoginOnce&) = delete;
  ~LoginOnce() {
    try {
      vault::revoke_self(client_);
    } catch (const std::exception&) {
      // It ends by its time; the command is done.
    }
  }

 private:
  vault::Client& client_;
};

}  // namespace

sql::PostgresSettings database_login(Invocation& call, const team::Settings& settings) {
  sql::PostgresSettings login = team::database_place(settings, team_reach(call.wiring().config()));
  login.user = call.has("--database-user") ? call.text("--database-user") : environment("PGUSER").value_or("postgres");
  if (call.has("--database-password-file")) login.password = call.secret("--database-password-file", "Password:");
  return login;
}

Result join_team(Invocation& call) {
  const Config& config = call.wiring().config();
  const std::string file = xdg_folder("XDG_CONFIG_HOME", ".config") + "/ymgr/ymgr.yaml", url = call.text("--join");
  const auto existing = call.has("--force") ? Existing::replace : Existing::refuse;
  if (existing == Existing::refuse && exists(file))
    throw Error(Code::file_exists, file + " exists already", "Overwrite it with --force");
  team::Settings known = known_team_settings(config);
  known.address = url;
  if (call.has("--ca-file")) known.vault_ca_file = known.database_ca_file = absolute_path(call.text("--ca-file"));
  vault::Client client = team::open_vault(known, team_reach(config));
  log_in(call, client);
  const auto ends = call.has("--user") ? std::make_unique<LoginOnce>(client) : nullptr;
  const auto settings = checked(team::read_published(known, client));
  Result result;
  result.json = Json::object({{"settings_file", file}});
  result.text = "would write " + file + "\n";
  if (call.globals().dry_run) return result;
  make_folders(file.substr(0, file.rfind('/')), 0755);
  write_file(file,
             team::settings_yaml(
                 settings, {{"vault.ca_file", known.vault_ca_file}, {"database.ca_file", known.database_ca_file}}),
             {.mode = 0644, .group = {}}, existing);
  result.text = "The settings of the team are in " + file + "; next: ymgr init --team --check\n";
  result.changed = true;
  return result;
}

Result init_team(Invocation& call) {
  const int chosen = call.has("--plan") + call.has("--apply") + call.has("--check");
  if (chosen != 1)
    throw Error(
        Code::usage, "--team needs to know what to do",
        "One of --plan DIR (write what is to be set up), --apply (set it up) and --check (tell what is missing)");
  if (call.has("--plan")) return plan(call);
  return call.has("--apply") ? apply(call) : check(call);
}

}  // namespace ymgr::cli
