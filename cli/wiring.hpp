// The only place that chooses adapters. Everything is opened when first asked for.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "audit/audit.hpp"
#include "authority/authority.hpp"
#include "base/notice.hpp"
#include "policy/policy.hpp"
#include "session/session.hpp"
#include "sql/connection.hpp"
#include "workflow/agent_login.hpp"
#include "workflow/stores.hpp"
#include "workflow/team_login.hpp"
#include "workflow/workbench.hpp"

namespace ymgr::cli {

/// Folders and files of the embedded profile.
struct ProfilePaths {
  std::string home;      // YMGR_HOME, config `home`, or XDG_DATA_HOME/ymgr
  std::string database;  // home/ymgr.db
  std::string policy;    // home/policy.yaml
  std::string ca;        // home/ca
  std::string
      installations;  // home/install.d when YMGR_HOME is set, else /etc/ymgr/install.d (root) or XDG_CONFIG_HOME/ymgr/install.d
};

struct Config;  // cli/config.hpp

/// The servers of a team, with somebody logged in.
struct TeamServers {
  const team::Settings& settings;
  vault::Client& vault;
  std::string entity_id;  // of who is logged in
};

class Wiring {
 public:
  Wiring(const Config&, Notices&);
  ~Wiring();
  const Config& config() const noexcept;
  const ProfilePaths& paths() const noexcept;
  /// Of this host, as installations and leases have it.
  static std::string host_name();

  /// Whether it is a team's servers, and no profile on this machine.
  bool is_team() const;
  /// Logged in when it returns; nullptr: an embedded profile. @throws Error not-logged-in
  TeamServers* team();
  /// Where a team's key for a certificate of that name would be in transit: has it looked for while the database is logged into.
  void look_for_key_early(const std::string& certificate_name);
  /// What became of that: by the name whether there is a key. Empty: nobody knows.
  std::map<std::string, bool> keys_looked_for();
  /// What a team has on servers is not done here. @param what  "backups"  @param hint  who does it
  void require_embedded(const std::string& what, const std::string& hint) const;

  /// The context that the embedded profile has moved to, where it was opened. nullopt: it has not
  std::optional<std::string> moved_to() const;

  /// Opened, owner and mode checked, schema checked (migrated when older); a team's under the login.
  sql::Connection& database();
  /// Whatever version its schema has, and nothing is changed by looking.
  sql::Connection& any_database();
  /// Another connection to it that cannot write, for a thread of its own. @throws Error database-older: to be migrated first
  std::unique_ptr<sql::Connection> open_reader() const;
  /// The logged-in session: the session file's, or of what the environment names for one command.
  /// @throws Error not-logged-in, session-expired
  const Session& session();
  /// The one that `login` has just opened.
  const Session& take_session(Session);
  const Session& take_link(std::unique_ptr<team::Link>);
  std::string session_folder() const;
  /// Where `login` puts the session.
  SessionPlace session_place();
  /// Read, compared with the hash in settings. @throws Error policy-unversioned, policy-invalid
  const Policy& policy();
  Authority& authority();
  /// What the session opens.
  Stores& stores();
  /// nullptr when the session has no data key.
  const audit::HeadSigner* head_signer();
  /// Where the agent listens: `agent.socket`, else XDG_RUNTIME_DIR/ymgr/agent.sock; and where it finds the keys for tokens.
  AgentPlace agent_place() const;
  /// Under this session; connected when first used. What a single command opened there is closed with it.
  agent::Client& agent();
  /// The same, where an answer that takes longer is worth nothing; the first call decides.
  agent::Client& agent_within(Duration timeout);
  /// Roots of `attestation.roots`, and whether the profile is a demo.
  AttestationTrust attestation_trust();
  /// All of it, for a workflow.
  Workbench& workbench();

 private:
  team::Link& link();
  std::shared_ptr<DeviceOwners> owners();
  std::function<std::optional<std::string>(std::string_view entity_id)> certificate_names();
  std::size_t jobs() const;
  const Session& team_session();
  std::shared_ptr<vault::WorkerClients> workers();

  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ymgr::cli
