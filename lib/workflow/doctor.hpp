// `ymgr doctor`: one check for each thing that is known to trip people. Looking changes nothing and spends no try of a PIN; it needs
// neither a login nor a server that answers.
#pragma once
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/client.hpp"
#include "audit/audit.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "http/client.hpp"
#include "sql/connection.hpp"
#include "vault/auth.hpp"
#include "workflow/team_plan.hpp"

namespace ymgr::doctor {

/// skipped: it could not be looked at, or there is nothing to look at; the text says which.
enum class State { ok, warning, failed, skipped };
std::string_view to_string(State) noexcept;
/// Whether it is a matter of time: due: there is something to renew; over: it has expired.
enum class Expiry { none, due, over };

struct Finding {
  State state = State::ok;
  std::string text;       // what was seen
  std::string hint = {};  // what mends it, a command where there is one
  Expiry expiry = Expiry::none;
};

/// What checks share, opened when one first asks; what keeps it from opening is thrown to all that ask. One thread.
template <class T>
class Part {
 public:
  using Open = std::function<std::unique_ptr<T>()>;
  Part() = default;
  Part(Open open) : open_(std::move(open)) {}

  /// @throws Error why there is none
  T& get() {
    if (failure_) std::rethrow_exception(failure_);
    if (!thing_) open();
    return *thing_;
  }
  /// nullptr: there is none.
  T* if_there() {
    try {
      return &get();
    } catch (const Error&) {
      return nullptr;
    }
  }

 private:
  void open() {
    try {
      thing_ = open_();
    } catch (const Error&) {
      failure_ = std::current_exception();
      throw;
    }
  }

  Open open_;
  std::unique_ptr<T> thing_;
  std::exception_ptr failure_;
};

/// One address of Vault, as sys/health tells without a token.
struct VaultNode {
  std::string address;
  std::optional<Error> failure;  // it gave no answer
  bool initialised = false, sealed = true, standby = true;
  std::string version;
  std::optional<Time> time;  // the server's clock, and ours when it had answered
  Time asked_at;
  std::string certificate;  // PEM of the one it shows
};

/// What the agent sees under this login.
struct Plugged {
  std::vector<agent::DiscoveredDevice> devices;
  agent::Client client;
};

/// What is looked at: the caller has read command line, environment and configuration, and opens what is asked for.
struct Patient {
  Time at;
  std::string program, version, host;     // of the one that runs; the host as installations have it
  std::vector<std::string> path;          // folders that programs are looked for in
  std::vector<std::string> unit_folders;  // of systemd, where enabled timers stand
  std::vector<std::string> cron_files;    // files, and folders of such
  std::string config_folder;              // of this user: ~/.config
  std::string pcscd_socket, agent_socket;

  std::string login_certificate;  // of a team: what an unattended login shows; or empty

  std::optional<Error> configuration;  // why it can't be used; then the rest is as if there were none
  std::vector<std::string> config_files, secret_files;
  bool is_team = false, has_profile = false;
  std::string home, policy_file, installations, session_folder, token_keys;
  std::string stand_in_folder, stand_in_prefix;  // of a team: whose files are noted for days without its database
  team::Settings servers;
  std::vector<std::string> channels;  // for notices: mail, webhook, exec
  Duration heartbeat{};               // how old the last renewal by schedule may be

  mutable Part<sql::Connection> database{};  // whatever its schema; writes nothing
  mutable Part<agent::Health> agent{};
  mutable Part<Plugged> plugged{};
  mutable Part<std::vector<VaultNode>> nodes{};
  mutable Part<vault::Client> vault{};  // with the session's token
  mutable Part<std::string> session{};  // text of the session's file
  /// What texts of findings are made of and a stranger is not to read: names of certificates and people, what hooks said.
  mutable std::vector<std::string> names{};
  const std::string& named(const std::string& text) const {
    if (!text.empty()) names.push_back(text);
    return text;
  }
  /// GET or POST of a URL of http, without TLS, as CRLs and OCSP are served.
  std::function<http::ClientAnswer(const std::string& url, const std::string& post_type, const std::string& body)>
      fetch;
};

struct Check {
  std::string_view id, area, title;
  Finding (*look)(const Patient&);
  State unseen = State::skipped;  // what an Error of `look` makes of it
};
std::span<const Check> checks() noexcept;
/// nullptr: none of that id.
const Check* find_check(std::string_view id) noexcept;

struct Report {
  struct Line {
    const Check* check;
    Finding finding;
  };
  std::vector<Line> lines;
  std::size_t count(State) const noexcept;
  /// 0 nothing failed and nothing is to be renewed · 11 something is · 12 all that failed has expired · 1 failed
  int exit_status() const noexcept;
};
/// @param only  nullptr: all of them
Report examine(const Patient&, const Check* only);

}  // namespace ymgr::doctor
