#include "cli/wiring.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <map>
#include <mutex>
#include <optional>

#include "authority/authority_vault.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "cli/config.hpp"
#include "cli/environment.hpp"
#include "cli/servers.hpp"
#include "sql/settings.hpp"
#include "vault/identity.hpp"
#include "vault/transit.hpp"
#include "workflow/adopt_policy.hpp"
#include "workflow/device_owners.hpp"
#include "workflow/init.hpp"
#include "workflow/login.hpp"
#include "workflow/migrate_profile.hpp"
#include "workflow/team_people.hpp"
#include "workflow/team_roles.hpp"
#include "workflow/trail_clock.hpp"

namespace ymgr::cli {

namespace {

constexpr Duration one_command = std::chrono::hours(1);

ProfilePaths make_paths(const Config& config) {
  const std::string& home = config.home();
  std::string installations = home + "/install.d";
  if (!config.home_is_moved) {
    installations =
        ::geteuid() == 0 ? "/etc/ymgr/install.d" : xdg_folder("XDG_CONFIG_HOME", ".config") + "/ymgr/install.d";
  }
  return {home, home + "/ymgr.db", home + "/policy.yaml", home + "/ca", std::move(installations)};
}

void check_profile(const ProfilePaths& paths) {
  struct stat found {};
  if (::lstat(paths.home.c_str(), &found) != 0) {
    if (errno != ENOENT && errno != ENOTDIR) throw system_error("look at", paths.home, errno);
    throw Error(Code::profile_missing, "there is no profile at " + paths.home,
                "Run 'ymgr init', or point YMGR_HOME at one");
  }
  if (!S_ISDIR(found.st_mode)) {
    throw Error(Code::profile_unsafe, paths.home + " is not a folder", "Point YMGR_HOME at the folder of a profile");
  }
  if (found.st_uid != ::geteuid()) {
    throw Error(Code::profile_unsafe, paths.home + " belongs to another user",
                "Run ymgr as its owner, or: chown -R " + std::to_string(::geteuid()) + " " + paths.home);
  }
  if ((found.st_mode & 077) != 0) {
    throw Error(Code::profile_unsafe, paths.home + " is open to other users", "Run: chmod 700 " + paths.home);
  }
  if (!exists(paths.database)) {
    throw Error(Code::profile_missing, "there is no profile at " + paths.home,
                "Run 'ymgr init', or point YMGR_HOME at one");
  }
}

sql::SqliteSettings database_settings(const Config& config, const ProfilePaths& paths, bool read_only) {
  const auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(config.timeout()).count();
  return {.path = paths.database,
          .create = false,
          .read_only = read_only,
          .busy_milliseconds = static_cast<int>(std::min<std::int64_t>(wait, 3'600'000))};
}

std::string runtime_folder() {
  if (auto folder = environment("XDG_RUNTIME_DIR"); folder && folder->front() == '/') return *folder + "/ymgr";
  const std::string user = std::to_string(::geteuid());
  if (is_folder("/run/user/" + user)) return "/run/user/" + user + "/ymgr";
  return "/dev/shm/ymgr-" + user;
}

/// Of what the environment names, of the session file, or by files that the configuration names.
std::unique_ptr<team::Link> open_link(const Config& config, const SessionPlace& place) {
  const auto settings = team_settings(config);
  const auto reach = team_reach(config);
  if (const auto request = environment_login(config))
    return team::Link::for_one_command(settings, place, reach, *request);
  if (!exists(place.folder + "/" + place.profile_id))
    if (const auto request = configured_login(config))
      return team::Link::for_one_command(settings, place, reach, *request);
  return team::Link::resume(settings, place, reach);
}

/// Ids of people, asked for by whoever signs in their names. Used by several threads.
class Entities {
 public:
  explicit Entities(vault::Client model) : model_(std::move(model)) {}

  std::string id_of(const std::string& name) {
    const std::lock_guard lock(mutex_);
    if (const auto known = ids_.find(name); known != ids_.end()) return known->second;
    vault::Client client = model_.for_another_thread();  // ends here: what a worker's thread made must not outlive it
    const auto entity = vault::entity_by_name(client, name);
    if (!entity)
      throw Error(Code::user_not_found, "Vault knows nobody of the name " + printable(name), "ymgr user list");
    return ids_[name] = entity->id;
  }

 private:
  std::mutex mutex_;
  const vault::Client model_;  // asks nothing itself
  std::map<std::string, std::string> ids_;
};

/// People have certificates signed by roles of their own; admins by anybody's, since Vault lets them.
VaultCa vault_ca(const TeamServers& servers, const Identity& self, std::shared_ptr<vault::WorkerClients> workers) {
  auto entities = std::make_shared<Entities>(servers.vault.for_another_thread());
  return {servers.settings.pki,
          [&settings = servers.settings, entities, self, own = servers.entity_id](const SigningRequest& request) {
            const auto& key = request.csr.key;
            if (!key.algorithm) throw Error(Code::ca_refused, "the CA signs no " + key.family + " keys");
            const bool other = self.role == Role::admin && !request.owner.empty() && request.owner != self.user;
            const std::string entity = other ? entities->id_of(std::string(request.owner)) : own;
            return team::pki_role(settings, request.profile, *key.algorithm, {self.role, entity});
          },
          std::move(workers)};
}

/// As the policies have it.
SecretReach secret_reach(Role role) {
  if (role == Role::auditor) return SecretReach::none;
  return role == Role::user ? SecretReach::pins : SecretReach::all;
}

/// Who names a user must not act as another because a session was left open.
void check_user(const Session& session, const std::string& wanted) {
  if (session.identity().user == wanted) return;
  throw Error(Code::not_logged_in,
              "the session is that of " + session.identity().user + ", but YMGR_USER says " + printable(wanted),
              "Set YMGR_PASSWORD_FILE too, or: ymgr login --user " + shell_quote(wanted));
}

/// Half of an unattended login is none: says which half is missing.
[[noreturn]] void complain(const Error& error) {
  const bool user = environment("YMGR_USER").has_value(), file = environment("YMGR_PASSWORD_FILE").has_value();
  if (error.code() != Code::not_logged_in || user == file) throw Error(error);
  const std::string there = user ? "YMGR_USER" : "YMGR_PASSWORD_FILE",
                    missing = user ? "YMGR_PASSWORD_FILE" : "YMGR_USER";
  throw Error(error.code(), error.what(), there + " is set, but " + missing + " is not: set both, or: ymgr login");
}

/// Hooks get the caller's environment without tokens and systemd's credentials.
std::vector<std::string> hook_environment() {
  std::vector<std::string> variables;
  for (char** entry = environ; entry && *entry; ++entry) {
    const std::string_view variable = *entry;
    if (variable.starts_with("VAULT_TOKEN=") || variable.starts_with("BAO_TOKEN=") ||
        variable.starts_with("CREDENTIALS_DIRECTORY="))
      continue;
    variables.emplace_back(variable);
  }
  return variables;
}

}  // namespace

struct Wiring::State {
  const Config& config;
  Notices& notices;
  ProfilePaths paths;
  std::string early_name{};  // written beside `link`, so they outlive it
  std::optional<bool> early_key{};
  std::unique_ptr<team::Link> link{};  // of a team
  std::optional<TeamServers> servers{};
  std::shared_ptr<vault::WorkerClients> workers{};
  std::optional<bool> is_team{};
  std::unique_ptr<sql::Connection> db{}, looked_at{};
  std::optional<Session> session{};
  std::unique_ptr<Stores> stores{};
  std::optional<Policy> policy{};
  std::optional<audit::HeadSigner> signer{};
  std::unique_ptr<Authority> authority{};
  std::unique_ptr<Workbench> workbench{};
  std::unique_ptr<agent::Client> agent{};

  /// A session with the agent that was opened for one command ends with it.
  void leave_agent() const noexcept {
    if (!agent || !session || !session->session_id().empty()) return;
    try {
      agent->close_session();
    } catch (const std::exception&) {
      // It ends by its time; the command is done.
    }
  }
  ~State() { leave_agent(); }
};

Wiring::Wiring(const Config& config, Notices& notices) : state_(new State{config, notices, make_paths(config)}) {}
Wiring::~Wiring() = default;

const Config& Wiring::config() const noexcept {
  return state_->config;
}
const ProfilePaths& Wiring::paths() const noexcept {
  return state_->paths;
}

std::string Wiring::host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) throw system_error("read", "the host name", errno);
  return name.data();
}

bool Wiring::is_team() const {
  if (!state_->is_team) state_->is_team = cli::is_team(state_->config, state_->paths.database);
  return *state_->is_team;
}

/// Of a team; Vault may be asked aside.
team::Link& Wiring::link() {
  try {
    if (!state_->link) state_->link = open_link(state_->config, session_place());
  } catch (const Error& error) {
    complain(error);
  }
  return *state_->link;
}

TeamServers* Wiring::team() {
  if (!is_team()) return nullptr;
  vault::Client& vault = link().vault();
  if (!state_->servers) state_->servers.emplace(TeamServers{link().settings(), vault, link().entity_id()});
  return &*state_->servers;
}

void Wiring::look_for_key_early(const std::string& certificate_name) {
  if (!is_team()) return;
  state_->early_name = certificate_name;
  link().ask_aside([state = state_.get(), mount = link().settings().transit](vault::Client& client) {
    state->early_key = vault::Transit(client, mount).peek(key_name_for(state->early_name, false));
  });
}

std::map<std::string, bool> Wiring::keys_looked_for() {
  if (!team() || !state_->early_key) return {};  // the team's client is free: nobody looks any more
  return {{state_->early_name, *state_->early_key}};
}

void Wiring::require_embedded(const std::string& what, const std::string& hint) const {
  if (is_team()) throw Error(Code::usage, what + " of a team are its servers' own", hint);
}

const Session& Wiring::take_session(Session session) {
  return state_->session.emplace(std::move(session));
}

const Session& Wiring::take_link(std::unique_ptr<team::Link> link) {
  state_->link = std::move(link);
  state_->servers.reset();
  return state_->link->session();
}

sql::Connection& Wiring::database() {
  if (is_team()) return link().database();
  if (state_->db) return *state_->db;
  check_profile(state_->paths);
  auto db = sql::open_sqlite(database_settings(state_->config, state_->paths, false));
  if (sql::check_schema(*db) < sql::schema_version()) sql::migrate(*db);
  state_->db = std::move(db);
  return *state_->db;
}

sql::Connection& Wiring::any_database() {
  if (is_team()) return link().any_database();
  if (state_->db) return *state_->db;
  check_profile(state_->paths);
  state_->looked_at = sql::open_sqlite(database_settings(state_->config, state_->paths, true));
  return *state_->looked_at;
}

std::optional<std::string> Wiring::moved_to() const {
  return state_->db ? migrate::moved_to(*state_->db) : std::nullopt;
}

std::unique_ptr<sql::Connection> Wiring::open_reader() const {
  require_embedded("lists and answers about certificates", "Vault serves them: vault.pki's crl and ocsp");
  check_profile(state_->paths);
  auto db = sql::open_sqlite(database_settings(state_->config, state_->paths, true));
  if (sql::check_schema(*db) < sql::schema_version()) {
    throw Error(Code::database_older, "the database of " + state_->paths.home + " was made by an older ymgr",
                "Run any other command once, such as 'ymgr whoami'");
  }
  return db;
}

std::string Wiring::session_folder() const {
  const auto& chosen = state_->config.session_folder();
  return chosen.empty() ? runtime_folder() : chosen;
}

SessionPlace Wiring::session_place() {
  const std::string folder = session_folder();
  if (is_team()) return {folder, team::profile_id(team_settings(state_->config))};
  const auto profile_id = sql::read_setting(database(), "profile_id");
  if (!profile_id) throw Error(Code::database_corrupt, "the profile at " + state_->paths.home + " has no id");
  return {folder, *profile_id};
}

const Session& Wiring::team_session() {
  const Session& session = link().session();
  if (const auto user = environment("YMGR_USER")) check_user(session, *user);
  return session;
}

const Session& Wiring::session() {
  if (is_team()) return team_session();
  if (state_->session) return *state_->session;
  sql::Connection& db = database();
  check_clock(db);  // first: a refused login is recorded, too
  const auto user = environment("YMGR_USER"), file = environment("YMGR_PASSWORD_FILE");
  if (user && file) {
    auto who = authenticate(db, {*user, read_secret_file(*file)});
    state_->session.emplace(std::move(who.identity), "", now() + one_command, std::move(who.data_key));
  } else {
    try {
      state_->session.emplace(session::resume(db, session_place()));
    } catch (const Error& error) {
      complain(error);
    }
    if (user) check_user(*state_->session, *user);
  }
  return *state_->session;
}

const Policy& Wiring::policy() {
  if (!state_->policy) {
    const auto adopter = [this] { return PolicyAdopter{session(), head_signer(), state_->notices}; };
    state_->policy = is_team() ? team_policy(database(), adopter)
                               : adopt_policy(database(), read_policy_file(state_->paths.policy), adopter);
  }
  return *state_->policy;
}

Authority& Wiring::authority() {
  if (state_->authority) return *state_->authority;
  if (const TeamServers* servers = team())
    state_->authority =
        open_vault_authority(database(), servers->vault, vault_ca(*servers, session().identity(), workers()));
  else
    state_->authority = open_local_authority(database(), session().data_key(), state_->paths.ca);
  return *state_->authority;
}

Stores& Wiring::stores() {
  if (state_->stores) return *state_->stores;
  if (const TeamServers* servers = team()) {
    const auto& settings = servers->settings;
    state_->stores = open_vault_stores(servers->vault, {settings.kv, settings.transit, settings.prefix + "agent",
                                                        secret_reach(session().identity().role), workers(),
                                                        settings.prefix + "audit", settings.prefix + "license"});
  } else {
    state_->stores = open_sealed_stores(database(), session());
  }
  return *state_->stores;
}

const audit::HeadSigner* Wiring::head_signer() {
  if (!session().has_data_key()) return nullptr;
  if (!state_->signer) state_->signer = audit::HeadSigner::open(database(), session().data_key());
  return &*state_->signer;
}

AgentPlace Wiring::agent_place() const {
  const std::string& chosen = state_->config.at("agent.socket").value;
  return {chosen.empty() ? runtime_folder() + "/agent.sock" : chosen,
          xdg_folder("XDG_CONFIG_HOME", ".config") + "/ymgr"};
}

agent::Client& Wiring::agent() {
  return agent_within(state_->config.timeout());
}

agent::Client& Wiring::agent_within(Duration timeout) {
  if (!state_->agent)
    state_->agent =
        open_agent(database(), session_place(), agent_place(), session(), stores(), timeout, state_->notices);
  return *state_->agent;
}

AttestationTrust Wiring::attestation_trust() {
  AttestationTrust trust;
  for (const auto& file : state_->config.attestation_roots())
    for (auto& root : parse_pem_chain(read_file(file))) trust.roots.push_back(std::move(root));
  if (is_demo(database())) trust.virtual_root = VirtualRoot::accepted;
  return trust;
}

std::shared_ptr<DeviceOwners> Wiring::owners() {
  const TeamServers* servers = team();
  return servers ? std::make_shared<DeviceOwners>(servers->vault, database()) : nullptr;
}

std::function<std::optional<std::string>(std::string_view)> Wiring::certificate_names() {
  const TeamServers* servers = team();
  if (!servers || !allows(session().identity().role, Right::manage_users)) return {};
  return [servers](std::string_view entity_id) {
    return team::names_in_vault(servers->settings, servers->vault, entity_id);
  };
}

std::shared_ptr<vault::WorkerClients> Wiring::workers() {
  if (!state_->workers) state_->workers = std::make_shared<vault::WorkerClients>(team()->vault);
  return state_->workers;
}

/// Workers of a team wait for Vault most of the time.
std::size_t Wiring::jobs() const {
  constexpr std::size_t connections = 8;
  const bool chosen = !state_->config.at("jobs").value.empty();
  return is_team() && !chosen ? std::max(connections, state_->config.jobs()) : state_->config.jobs();
}

Workbench& Wiring::workbench() {
  if (!state_->workbench) {
    policy();  // the database's, like the session: what comes then may want Vault's client for itself
    state_->workbench.reset(new Workbench{.db = database(),
                                          .session = session(),
                                          .stores = stores(),
                                          .policy = policy(),
                                          .authority = authority(),
                                          .head_signer = head_signer(),
                                          .notices = state_->notices,
                                          .self = this_process(host_name()),
                                          .jobs = jobs(),
                                          .ca_folder = is_team() ? "" : state_->paths.ca,
                                          .installations = state_->paths.installations,
                                          .environment = hook_environment(),
                                          .open_agent = [this]() -> agent::Client& { return agent(); },
                                          .tend =
                                              [this] {
                                                if (state_->link) state_->link->tend();
                                              },
                                          .name_operation =
                                              [this](const std::string& request_id) {
                                                if (state_->link) state_->link->vault().name_operation(request_id);
                                              },
                                          .attestation_trust = [this] { return attestation_trust(); },
                                          .owners = owners(),
                                          .certificate_names = certificate_names(),
                                          .vendor_keys = [this] { return state_->config.vendor_keys(); }});
  }
  return *state_->workbench;
}

}  // namespace ymgr::cli
