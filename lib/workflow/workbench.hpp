// What a workflow works with: the ports as wiring chose them, on the command's own thread.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/client.hpp"
#include "audit/audit.hpp"
#include "authority/authority.hpp"
#include "base/notice.hpp"
#include "license/license.hpp"
#include "policy/policy.hpp"
#include "session/session.hpp"
#include "sql/connection.hpp"
#include "workflow/stores.hpp"
#include "x509/attestation.hpp"

namespace ymgr {

class DeviceOwners;

/// Who holds a lease: a process, told apart from another that got the same pid later.
struct LeaseHolder {
  std::string host, boot_id;
  long pid = 0;
  std::string start_time;       // field 22 of /proc/PID/stat
  std::string pid_namespace;    // inode number
  std::string to_text() const;  // "host/boot/pid/start/namespace"
};
LeaseHolder this_process(std::string_view host);
/// True: the holder named by `text` ran on this host, where this process would see it, and is gone. Containers with one host name do not
/// see each other's processes, and can't tell a reboot from another machine.
bool is_dead(std::string_view text, const LeaseHolder& self);

/// Whose attestations of keys are believed besides Yubico's.
struct AttestationTrust {
  std::vector<Certificate> roots;
  VirtualRoot virtual_root = VirtualRoot::refused;  // accepted where a profile is marked as a demo's
};

struct Workbench {
  sql::Connection& db;
  const Session& session;
  Stores& stores;
  const Policy& policy;
  Authority& authority;
  const audit::HeadSigner* head_signer;  // nullptr: auditor
  Notices& notices;
  LeaseHolder self;
  std::size_t jobs = 1;                  // workers
  std::string ca_folder;                 // where CRLs and CRL numbers are kept beside the database
  std::string installations;             // folder of installation files
  std::vector<std::string> environment;  // for hooks: NAME=VALUE
  std::function<agent::Client&()> open_agent =
      {};  // of this login; nothing is connected before it is used. Empty: none here
  /// Keeps what was lent for a time; called between transactions of a long command, on its own thread. Empty: nothing was lent.
  std::function<void()> tend = {};
  /// Tells servers elsewhere which operation the requests from now on belong to. Empty: there are none.
  std::function<void(const std::string& request_id)> name_operation = {};
  std::function<AttestationTrust()> attestation_trust = {};  // asked when needed; empty: Yubico's alone
  std::shared_ptr<DeviceOwners> owners = {};                 // nullptr: no Vault is to know whose YubiKeys are
  /// By which names a team's Vault signs for an entity, as the database has them; nullopt: for none. Empty: there is no Vault, or whoever
  /// runs this may not read it.
  std::function<std::optional<std::string>(std::string_view entity_id)> certificate_names = {};
  /// Asks whoever gave the command for the PIN of that YubiKey. Empty, or nullopt: there is nobody to ask.
  std::function<std::optional<Secret>(const std::string& serial)> ask_pin = {};
  /// Of the configuration, read when the licence is asked for. Empty, or none: nothing is limited.
  std::function<std::vector<license::VendorKey>()> vendor_keys = {};

  /// @throws Error agent-unreachable: there is none here
  agent::Client& agent() const;
  AttestationTrust trust() const;
  /// name_operation, where there is one.
  void begins(const std::string& request_id) const;
};

}  // namespace ymgr
