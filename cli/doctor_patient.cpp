#include <pwd.h>
#include <unistd.h>

#include <algorithm>

#include "base/files.hpp"
#include "base/text.hpp"
#include "cli/doctor.hpp"
#include "cli/environment.hpp"
#include "cli/invocation.hpp"
#include "cli/notify_settings.hpp"
#include "cli/servers.hpp"
#include "cli/steadfast.hpp"
#include "session/agent_session.hpp"
#include "session/session_vault.hpp"
#include "sql/settings.hpp"
#include "workflow/doctor_vault.hpp"

namespace ymgr::cli {
namespace {

/// Nobody waits a minute for each of thirty questions.
Duration patience(const Config& config) {
  return std::min<Duration>(config.timeout(), std::chrono::seconds(5));
}

std::vector<std::string> cron_files() {
  std::vector<std::string> files = {"/etc/crontab", "/etc/cron.d"};
  if (const passwd* self = ::getpwuid(::geteuid()))
    files.push_back(std::string("/var/spool/cron/crontabs/") + self->pw_name);
  return files;
}

std::vector<std::string> secret_files(const Config& config) {
  std::vector<std::string> files;
  for (const char* key : {"vault.key_file", "vault.role_id_file", "vault.secret_id_file", "vault.jwt_file",
                          "notify.mail.password_file", "notify.webhook.url_file", "notify.webhook.header_file"})
    if (const auto& path = config.at(key).value; !path.empty()) files.push_back(path);
  if (const auto path = environment("YMGR_PASSWORD_FILE")) files.push_back(*path);
  return files;
}

Error not_logged_in() {
  return Error(Code::not_logged_in, "nobody is logged in", "ymgr login");
}

http::ClientAnswer fetch(const std::string& url, const std::string& type, const std::string& body, Duration timeout) {
  const auto path = url.find('/', url.find("://") + 3);
  http::Client client({.base_url = url.substr(0, path),
                       .peer_name = "the server",
                       .timeout = timeout,
                       .max_body = default_file_limit,
                       .unreachable = Code::system_error,
                       .untrusted = Code::system_error});
  return client.send({.method = type.empty() ? "GET" : "POST",
                      .path = path == std::string::npos ? "/" : url.substr(path),
                      .body = body,
                      .content_type = type});
}

}  // namespace

Examined::Examined(Invocation& call) : config_(read_config(call)), wiring_(new Wiring(config_, call.notices())) {
  describe();
  describe_servers();
  add_parts();
}

Config Examined::read_config(Invocation& call) {
  Values flags;
  for (const char* flag : {"--config", "--context", "--timeout"})
    if (const auto given = call.maybe(flag)) flags.set(flag, {*given});
  try {
    const auto files = read_config_files(flags);
    for (const auto& file : files) patient_.config_files.push_back(file.path);
    return make_config(flags, &files);
  } catch (const Error& error) {
    patient_.configuration = error;
    return make_config({}, nullptr);
  }
}

void Examined::describe() {
  patient_.at = now();
  patient_.program = read_link("/proc/self/exe").value_or("");
  patient_.version = YMGR_VERSION;
  patient_.host = Wiring::host_name();
  patient_.path = split(environment("PATH").value_or(""), ':');
  patient_.config_folder = xdg_folder("XDG_CONFIG_HOME", ".config");
  patient_.unit_folders = {patient_.config_folder + "/systemd/user", "/etc/systemd/user", "/etc/systemd/system"};
  patient_.cron_files = cron_files();
  patient_.pcscd_socket = environment("PCSCLITE_CSOCK_NAME").value_or("/run/pcscd/pcscd.comm");
  patient_.agent_socket = wiring_->agent_place().socket;
  patient_.token_keys = wiring_->agent_place().key_folder + "/token-keys.json";
  const auto& paths = wiring_->paths();
  patient_.home = paths.home;
  patient_.policy_file = paths.policy;
  patient_.installations = paths.installations;
  patient_.has_profile = exists(paths.database);
  patient_.session_folder = wiring_->session_folder();
  patient_.secret_files = secret_files(config_);
  patient_.channels = channels();
  patient_.heartbeat = config_.heartbeat();
}

std::vector<std::string> Examined::channels() {
  std::vector<std::string> names;
  try {
    for (const auto& channel : notice_channels(config_, {})) names.push_back(channel.name);
  } catch (const Error& error) {
    if (!patient_.configuration) patient_.configuration = error;
  }
  return names;
}

void Examined::describe_servers() {
  try {
    patient_.is_team = wiring_->is_team();
    if (!patient_.is_team) return;
    patient_.servers = team_settings(config_);
    patient_.login_certificate = config_.at("vault.certificate_file").value;
    patient_.stand_in_folder = stand_in_folder();
    patient_.stand_in_prefix = team::stand_in_prefix(patient_.servers);
  } catch (const Error& error) {
    patient_.is_team = false;
    patient_.configuration = error;
  }
}

std::string Examined::session_text() const {
  std::string id;
  if (patient_.is_team)
    id = team::profile_id(patient_.servers);
  else
    id = sql::read_setting(patient_.database.get(), "profile_id").value_or("none");
  auto text = read_file_if_there(patient_.session_folder + "/" + id, 64UL * 1024);
  if (!text) throw not_logged_in();
  return std::move(*text);
}

std::unique_ptr<sql::Connection> Examined::open_database() const {
  constexpr int wait = 5000;
  if (!patient_.is_team) {
    if (!patient_.has_profile)
      throw Error(Code::profile_missing, "there is no profile at " + patient_.home,
                  "ymgr init, or point YMGR_HOME at one");
    return sql::open_sqlite(
        {.path = wiring_->paths().database, .create = false, .read_only = true, .busy_milliseconds = wait});
  }
  const auto file = parse_vault_session(patient_.session.get());
  if (!file) throw not_logged_in();
  auto place = team::database_place(patient_.servers, {.timeout = patience(config_), .identity = {}});
  place.user = file->login.database.username;
  place.password = file->login.database.password.clone();
  return sql::open_postgres(std::move(place));
}

/// Under the session that the agent knows already: a new one would be a change.
std::unique_ptr<doctor::Plugged> Examined::open_agent() const {
  patient_.agent.get();
  const std::string id = patient_.is_team ? team::profile_id(patient_.servers)
                                          : sql::read_setting(patient_.database.get(), "profile_id").value_or("none");
  auto known = session::read_agent_file({patient_.session_folder, id});
  const auto unknown = []() -> std::string {
    throw Error(Code::not_logged_in, "the agent does not know this login", "ymgr agent register");
  };
  if (!known) unknown();
  agent::Client client({.socket = patient_.agent_socket,
                        .timeout = std::chrono::seconds(30),  // it waits for a card that is busy
                        .token = unknown,
                        .session = std::move(known->session)});
  auto devices = client.discover();
  return std::make_unique<doctor::Plugged>(doctor::Plugged{std::move(devices), std::move(client)});
}

void Examined::add_parts() {
  const Duration timeout = patience(config_);
  patient_.fetch = [timeout](const std::string& url, const std::string& type, const std::string& body) {
    return fetch(url, type, body, timeout);
  };
  patient_.session = {[this] { return std::make_unique<std::string>(session_text()); }};
  patient_.database = {[this] { return open_database(); }};
  patient_.agent = {[this, timeout] {
    agent::Client client({.socket = patient_.agent_socket, .timeout = timeout, .token = {}});
    return std::make_unique<agent::Health>(client.health());
  }};
  patient_.plugged = {[this] { return open_agent(); }};
  patient_.nodes = {[this, timeout] {
    return std::make_unique<std::vector<doctor::VaultNode>>(doctor::ask_nodes(patient_.servers, timeout));
  }};
  patient_.vault = {[this, timeout] {
    auto client =
        std::make_unique<vault::Client>(team::open_vault(patient_.servers, {.timeout = timeout, .identity = {}}));
    if (const auto token = environment_token()) return client->use_token(*token), std::move(client);
    const auto file = parse_vault_session(patient_.session.get());
    if (!file) throw not_logged_in();
    client->use_token(file->login.token.secret);
    return client;
  }};
}

}  // namespace ymgr::cli
