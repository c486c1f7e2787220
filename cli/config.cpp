#include "cli/config.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "base/workers.hpp"
#include "base/yaml.hpp"
#include "cli/config_checks.hpp"
#include "cli/environment.hpp"
#include "cli/notify_settings.hpp"

namespace ymgr::cli {

namespace {

constexpr std::string_view system_file = "/etc/ymgr/ymgr.yaml";
constexpr std::pair<std::string_view, Format> formats[] = {{"table", Format::text}, {"wide", Format::wide},
                                                           {"json", Format::json},  {"jsonl", Format::jsonl},
                                                           {"csv", Format::csv},    {"name", Format::name}};

constexpr ConfigKey keys[] = {
    {"context", "YMGR_CONTEXT", "--context", "", "name of the context to use", check_name},
    {"home", "YMGR_HOME", "", "", "folder of the profile", check_folder, "~/.local/share/ymgr"},
    {"output", "YMGR_OUTPUT", "--output", "table", "form of the answer: table, wide, json, jsonl, csv or name",
     check_format},
    {"timeout", "YMGR_TIMEOUT", "--timeout", "60s", "longest wait for one answer of a backend", check_duration},
    {"jobs", "YMGR_JOBS", "", "", "workers of a bulk", check_jobs, "number of processors, of a team at least 8"},
    {"renew_before", "", "", "", "when a certificate is due: a duration or a share of its life", check_renew_before,
     "33% of life, at most 30d"},
    {"renew.heartbeat", "", "", "26h", "how old the last scheduled renewal that succeeded may be before it is an alarm",
     check_duration},
    {"ask.command", "", "", "",
     "program and its arguments, without a shell, that gets the sentences which `ymgr ask` does not understand",
     check_program},
    {"agent.socket", "YMGR_AGENT_SOCKET", "", "", "Unix socket of the agent", check_folder,
     "$XDG_RUNTIME_DIR/ymgr/agent.sock"},
    {"session.folder", "", "", "", "folder of session files, best on a tmpfs", check_folder, "$XDG_RUNTIME_DIR/ymgr"},
    {"secrets.pin", "", "", "escrow",
     "who knows the PINs of YubiKeys: escrow (the profile too) or user (the person alone)", check_pin_mode},
    {"secrets.pin_tries", "", "", "5", "wrong PINs that an enrolled YubiKey takes before it blocks", check_tries},
    {"secrets.puk_tries", "", "", "5", "the same for PUKs", check_tries},
    {"attestation.roots", "", "", "", "PEM files of further roots whose attestations of keys are believed", check_files,
     "Yubico's alone"},
    {"license.vendor_key", "", "", "",
     "keys that licences are signed with: PEM files, or ed25519:BASE64, with commas between them", check_vendor_keys,
     "none: nothing is limited"},
    {"notify.windows", "", "", "30,14,7,1", "days before its end at which a certificate that nobody renews is told of",
     check_windows},
    {"notify.timeout", "", "", "30s", "longest time that one channel for notices may take", check_duration},
    {"notify.mail.host", "", "", "", "mail server that notices go to; without it there are no mails", check_mail_host},
    {"notify.mail.port", "", "", "", "its port, else 587, with tls 465, with none 25", check_optional_port},
    {"notify.mail.tls", "", "", "starttls", "starttls, tls (from the first byte on) or, to this host alone, none",
     check_mail_tls},
    {"notify.mail.ca_file", "", "", "", "PEM file of the CAs that its certificate may be from, else the system's",
     check_file},
    {"notify.mail.from", "", "", "", "address that mails come from", check_mail_address},
    {"notify.mail.to", "", "", "", "addresses that they go to, with commas between them", check_mail_addresses},
    {"notify.mail.user", "", "", "", "name to log in with at the mail server", check_mail_user},
    {"notify.mail.password_file", "", "", "", "file with its password (0600), or credential:NAME of systemd",
     check_secret_place},
    {"report.to", "", "", "",
     "addresses that the weekly report goes to, else those of notices, with commas between them", check_mail_addresses},
    {"notify.webhook.url", "", "", "", "URL that notices are posted to", check_webhook_url},
    {"notify.webhook.url_file", "", "", "", "file with that URL, or credential:NAME, where it is a secret itself",
     check_secret_place},
    {"notify.webhook.kind", "", "", "json", "json (ymgr schema notice) or slack", check_webhook_kind},
    {"notify.webhook.ca_file", "", "", "", "PEM file of the CAs that its certificate may be from, else the system's",
     check_file},
    {"notify.webhook.header", "", "", "", "name of a header that it wants, such as Authorization", check_header_name},
    {"notify.webhook.header_file", "", "", "", "file with the value of that header (0600), or credential:NAME",
     check_secret_place},
    {"notify.exec.command", "", "", "", "program that gets notices as JSON on its standard input: a list of words",
     check_command},
    {"vault.address", "BAO_ADDR VAULT_ADDR", "", "", "https:// addresses of OpenBao or Vault, with commas between them",
     check_addresses},
    {"vault.namespace", "BAO_NAMESPACE VAULT_NAMESPACE", "", "", "namespace in it", check_namespace},
    {"vault.ca_file", "BAO_CACERT VAULT_CACERT", "", "", "PEM file of the CAs that its certificate may be from",
     check_file, "the system's"},
    {"vault.auth", "", "", "userpass", "how people log in: the kind of auth method", check_auth},
    {"vault.auth_mount", "", "", "", "where that method stands", check_namespace, "the kind's name"},
    {"vault.role", "", "", "", "role to log in with: of jwt, kubernetes, cert and oidc", check_role},
    {"vault.jwt_file", "", "", "", "file with the JWT that jwt and kubernetes log in with", check_file},
    {"vault.role_id_file", "", "", "", "file with the role id that approle logs in with", check_file},
    {"vault.secret_id_file", "", "", "", "file with the secret id that approle logs in with", check_file},
    {"vault.certificate_file", "BAO_CLIENT_CERT VAULT_CLIENT_CERT", "", "",
     "PEM file of the certificate that cert logs in with", check_file},
    {"vault.key_file", "BAO_CLIENT_KEY VAULT_CLIENT_KEY", "", "", "PEM file of its key", check_file},
    {"vault.kv", "", "", "yubikeys", "mount of the secrets of YubiKeys", check_mount},
    {"vault.transit", "", "", "transit", "mount of the keys that never leave it", check_mount},
    {"vault.pki", "", "", "pki", "mount of the CA", check_mount},
    {"vault.database", "", "", "database", "mount of the database engine", check_mount},
    {"vault.prefix", "", "", "ymgr-", "what the names of policies and roles in it begin with", check_prefix},
    {"vault.domains", "", "", "", "domains and networks that services get certificates for, with commas between them",
     check_domains},
    {"database.host", "PGHOST", "", "", "PostgreSQL's hosts, with commas between them, or the folder of its socket",
     check_hosts},
    {"database.port", "PGPORT", "", "5432", "its port", check_port},
    {"database.name", "PGDATABASE", "", "ymgr", "name of the database", check_database},
    {"database.ca_file", "PGSSLROOTCERT", "", "", "PEM file of the CAs that its certificate may be from", check_file,
     "the system's"},
    {"database.roles", "", "", "ymgr_", "what the names of its roles begin with", check_prefix},
};

const ConfigKey& key_named(std::string_view name) {
  return *std::find_if(std::begin(keys), std::end(keys), [&](const ConfigKey& key) { return key.name == name; });
}

/// Between the values of a key that may be a list in YAML; nullptr: it may not.
const char* separator_of(const ConfigKey& key) noexcept {
  if (key.check == check_files) return ":";
  for (const auto list :
       {check_vendor_keys, check_addresses, check_domains, check_hosts, check_windows, check_mail_addresses})
    if (key.check == list) return ",";
  return nullptr;
}

bool names_program(const ConfigKey& key) noexcept {
  return key.check == check_program || key.check == check_command;
}

bool names_file(const ConfigKey& key) noexcept {
  return key.check == check_file || key.check == check_secret_place;
}

/// A list in YAML, as split_words takes it apart again.
std::string quoted_words(std::vector<std::string> words) {
  for (auto& word : words) word = shell_quote(word);
  return join(words, " ");
}

class FileReader {
 public:
  FileReader(std::string path) : path_(std::move(path)) {}

  ConfigFile read(const YamlNode& document) {
    ConfigFile file{path_, {}, {}};
    YamlReader reader(document, path_, Code::config_invalid, "configuration");
    take(reader, "context", "context", file.settings);
    take_common(reader, file.settings);
    take_section(reader, "renew", {"heartbeat"}, file.settings);
    take_section(reader, "ask", {"command"}, file.settings);
    take_section(reader, "agent", {"socket"}, file.settings);
    take_section(reader, "session", {"folder"}, file.settings);
    take_section(reader, "secrets", {"pin", "pin_tries", "puk_tries"}, file.settings);
    take_section(reader, "attestation", {"roots"}, file.settings);
    take_servers(reader, file.settings);
    take_notify(reader, file.settings);
    if (const YamlNode* contexts = reader.node("contexts")) take_contexts(reader, *contexts, file);
    reader.finish();
    return file;
  }

 private:
  void take_common(YamlReader& reader, Settings& into) {
    for (const std::string_view key : {"home", "output", "timeout", "jobs", "renew_before"})
      take(reader, key, key, into);
    take_section(reader, "license", {"vendor_key"}, into);
  }

  void take_servers(YamlReader& reader, Settings& into) {
    take_section(
        reader, "vault",
        {"address", "namespace", "ca_file", "auth", "auth_mount", "role", "jwt_file", "role_id_file", "secret_id_file",
         "certificate_file", "key_file", "kv", "transit", "pki", "database", "prefix", "domains"},
        into);
    take_section(reader, "database", {"host", "port", "name", "ca_file", "roles"}, into);
  }

  void take_notify(YamlReader& reader, Settings& into) {
    take_section(reader, "report", {"to"}, into);
    const YamlNode* node = reader.node("notify");
    if (!node) return;
    YamlReader inside(*node, path_, Code::config_invalid, "notify");
    take(inside, "windows", "notify.windows", into);
    take(inside, "timeout", "notify.timeout", into);
    take_section(inside, "mail", {"host", "port", "tls", "ca_file", "from", "to", "user", "password_file"}, into,
                 "notify.");
    take_section(inside, "webhook", {"url", "url_file", "kind", "ca_file", "header", "header_file"}, into, "notify.");
    take_section(inside, "exec", {"command"}, into, "notify.");
    inside.finish();
  }

  void take_section(YamlReader& reader, std::string_view section, std::initializer_list<std::string_view> names,
                    Settings& into, std::string_view above = "") {
    const YamlNode* node = reader.node(section);
    if (!node) return;
    const std::string full = std::string(above) + std::string(section);
    YamlReader inside(*node, path_, Code::config_invalid, full);
    for (const auto name : names) take(inside, name, full + "." + std::string(name), into);
    inside.finish();
  }

  void take_contexts(YamlReader& reader, const YamlNode& contexts, ConfigFile& file) {
    if (contexts.type != YamlNode::Type::mapping) throw reader.error(contexts, "contexts must be a mapping of names");
    for (const auto& [name, value] : contexts.members) {
      YamlReader inside(value, path_, Code::config_invalid, "context " + name.scalar);
      take_common(inside, file.contexts[name.scalar]);
      take_servers(inside, file.contexts[name.scalar]);
      take_notify(inside, file.contexts[name.scalar]);
      inside.finish();
    }
  }

  void take(YamlReader& reader, std::string_view yaml_key, std::string_view name, Settings& into) {
    const ConfigKey& key = key_named(name);
    const YamlNode* node = reader.node(yaml_key);
    std::optional<std::string> value;
    if (node && node->type == YamlNode::Type::sequence && names_program(key))
      value = quoted_words(reader.texts(yaml_key).value_or(std::vector<std::string>()));
    else if (node && node->type == YamlNode::Type::sequence && separator_of(key))
      value = join(reader.texts(yaml_key).value_or(std::vector<std::string>()), separator_of(key));
    else
      value = reader.text(yaml_key);
    if (!value || !node) return;
    try {
      key.check(*value);
    } catch (const Error& error) {
      throw reader.error(*node, std::string(yaml_key) + ": " + error.what(), error.hint());
    }
    into[std::string(name)] = {std::move(*value), path_ + ":" + std::to_string(node->line), {}, path_};
  }

  std::string path_;
};

void apply(const Settings& layer, Settings& onto) {
  for (const auto& [name, setting] : layer) {
    const auto [there, is_new] = onto.try_emplace(name, setting);
    if (!is_new && there->second.origin.starts_with("environment ") && !there->second.hidden)
      there->second.hidden = setting.value;
  }
}

/// Those may stand in the environment for other programs: looked at by who needs them (cli/team.cpp).
bool is_of_servers(std::string_view key) {
  return key.starts_with("vault.") || key.starts_with("database.");
}

/// A value from outside the files, checked under the name it was given by.
void apply_checked(const ConfigKey& key, std::string value, std::string origin, Settings& onto) {
  try {
    if (key.name != "home" && !is_of_servers(key.name)) key.check(value);
  } catch (const Error& error) {
    throw Error(Code::usage, origin + ": " + error.what(), error.hint());
  }
  onto.try_emplace(std::string(key.name), Setting{std::move(value), std::move(origin)});
}

Settings given_settings(const Values& flags) {
  Settings given;
  if (flags.has("--json")) given["output"] = {"json", "flag --json"};
  for (const ConfigKey& key : keys) {
    if (const auto* values = flags.find(key.flag); values && !key.flag.empty()) {
      apply_checked(key, values->front(), "flag " + std::string(key.flag), given);
    }
    if (key.environment.empty()) continue;
    for (const auto& variable : split(key.environment, ' ')) {
      if (auto value = environment(variable)) apply_checked(key, std::move(*value), "environment " + variable, given);
    }
  }
  return given;
}

void apply_context(const std::vector<ConfigFile>& files, Settings& settings) {
  const auto chosen = settings.find("context");
  if (chosen == settings.end()) return;
  std::vector<std::string_view> known;
  for (const ConfigFile& file : files) {
    if (const auto context = file.contexts.find(chosen->second.value); context != file.contexts.end()) {
      return apply(context->second, settings);
    }
    for (const auto& [name, unused] : file.contexts) known.push_back(name);
  }
  const auto near = nearest(chosen->second.value, known);
  throw Error(Code::config_invalid,
              "no configuration file has a context '" + chosen->second.value + "' (" + chosen->second.origin + ")",
              near ? "Did you mean '" + *near + "'?" : "Write it under 'contexts' of the configuration file");
}

void apply_files(const std::vector<ConfigFile>& files, Settings& settings) {
  for (const ConfigFile& file : files) {
    if (const auto named = file.settings.find("context"); named != file.settings.end()) settings.insert(*named);
  }
  apply_context(files, settings);
  for (const ConfigFile& file : files) apply(file.settings, settings);
}

std::string without_final_slash(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

}  // namespace

bool may_be_list(const ConfigKey& key) noexcept {
  return separator_of(key) || names_program(key);
}

std::vector<std::string> program_of(std::string_view key, const Setting& setting) {
  auto words = split_words(setting.value);
  if (words.empty()) return words;
  if (!setting.file.empty()) require_private(setting.file, 0755, "the file that sets " + std::string(key) + ",");
  if (words.front().starts_with("~/")) words.front() = expand_home(words.front());
  return words;
}

std::string expand_home(std::string path) {
  if (path.starts_with("~/")) return home_folder() + path.substr(1);
  if (path.starts_with('/') || path.empty()) return path;
  std::array<char, 4096> folder{};
  if (!::getcwd(folder.data(), folder.size())) throw system_error("find", "the working directory", errno);
  return std::string(folder.data()) + "/" + path;
}

std::span<const ConfigKey> config_keys() noexcept {
  return keys;
}

ConfigFile parse_config(std::string_view yaml, const std::string& path) {
  const YamlNode document = parse_yaml(yaml, path);
  return FileReader(path).read(document);
}

std::vector<ConfigFile> read_config_files(const Values& flags) {
  std::vector<ConfigFile> files;
  const auto* flag = flags.find("--config");
  const auto named = flag ? std::optional(flag->front()) : environment("YMGR_CONFIG");
  if (named) files.push_back(parse_config(read_file(*named), *named));
  for (const std::string& path :
       {xdg_folder("XDG_CONFIG_HOME", ".config") + "/ymgr/ymgr.yaml", std::string(system_file)}) {
    if (const auto text = read_file_if_there(path)) files.push_back(parse_config(*text, path));
  }
  return files;
}

Config make_config(const Values& flags, const std::vector<ConfigFile>* files) {
  Config config;
  config.home_is_moved = environment("YMGR_HOME").has_value();
  Settings& settings = config.settings;
  settings = given_settings(flags);
  if (files) apply_files(*files, settings);
  for (const ConfigKey& key : keys) {
    auto& value =
        settings.try_emplace(std::string(key.name), Setting{std::string(key.fallback), "default"}).first->second.value;
    if (names_file(key) && value.starts_with("~/")) value = expand_home(value);
  }
  if (settings["home"].value.empty()) settings["home"].value = xdg_folder("XDG_DATA_HOME", ".local/share") + "/ymgr";
  settings["home"].value = without_final_slash(expand_home(settings["home"].value));
  for (const char* path : {"session.folder", "agent.socket"}) {
    settings[path].value = without_final_slash(expand_home(settings[path].value));
  }
  return config;
}

Format Config::format() const {
  return parse_format(at("output").value);
}

Duration Config::timeout() const {
  return parse_duration(at("timeout").value);
}

std::size_t Config::jobs() const {
  const auto jobs = parse_number(at("jobs").value);
  return jobs ? static_cast<std::size_t>(*jobs) : processor_count();
}

Duration Config::heartbeat() const {
  return parse_duration(at("renew.heartbeat").value);
}

PinMode Config::pin_mode() const {
  return parse_pin_mode(at("secrets.pin").value);
}

int Config::tries(std::string_view key) const {
  return static_cast<int>(parse_number(at(key).value).value_or(5));
}

std::vector<std::string> Config::attestation_roots() const {
  std::vector<std::string> paths;
  if (const auto& value = at("attestation.roots").value; !value.empty())
    for (const auto& path : split(value, ':')) paths.push_back(expand_home(path));
  return paths;
}

std::vector<license::VendorKey> Config::vendor_keys() const {
  std::vector<license::VendorKey> vendors;
  const auto& value = at("license.vendor_key").value;
  for (const auto& one : value.empty() ? std::vector<std::string>() : split(value, ',')) {
    auto key = license::inline_vendor_key(one);
    const std::string path = expand_home(one);
    vendors.push_back(key ? std::move(*key) : license::parse_vendor_key(read_file(path, 64 * 1024), path));
  }
  return vendors;
}

std::optional<RenewBefore> Config::renew_before() const {
  const auto& text = at("renew_before").value;
  return text.empty() ? std::nullopt : std::optional(parse_renew_before(text));
}

Format parse_format(std::string_view text) {
  std::string_view names[std::size(formats)];
  for (std::size_t i = 0; i < std::size(formats); ++i) {
    if (formats[i].first == text) return formats[i].second;
    names[i] = formats[i].first;
  }
  const auto near = nearest(text, names);
  throw Error(Code::usage, "there is no output form '" + std::string(text) + "'",
              near ? "Did you mean '" + *near + "'?" : "It is one of table, wide, json, jsonl, csv, name");
}

}  // namespace ymgr::cli
