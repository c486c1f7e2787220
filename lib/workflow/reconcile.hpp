// Compares what the CA, the inventory, the keys and the files of this host say of each other.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "workflow/workbench.hpp"

namespace ymgr {

/// The file of Vault's audit device, and the mounts that are ours.
struct VaultLog {
  std::string file, kv, transit, pki, name_space;
  std::string audit_key;  // in transit: set-up makes it, no operation
};

struct ReconcileOptions {
  bool dry_run = false;
  bool revoke_orphans = false;            // certificates that the CA signed and the inventory does not have
  bool destroy_unused_keys = false;       // keys of ours, sealed or in transit, that no certificate names
  std::vector<std::string> devices = {};  // not empty: these YubiKeys are compared with their records, and nothing else
  std::optional<VaultLog> vault_log = {};  // compared with the operations and the audit trail, too
};

/// What did not fit.
struct Finding {
  std::string kind;     // "certificate_orphaned", "revocation_unlisted", "crl_differs", …; never renamed
  std::string subject;  // cert_id, serial, key reference, operation, path
  std::string action;   // "repaired", "planned" (dry run), "reported" (somebody must decide), "noted" (it may stay)
  std::string message, hint;
};

struct ReconcileAnswer {
  std::string request_id;  // empty: a dry run
  std::vector<Finding> findings;
  std::int64_t certificates = 0, revocations = 0, crls = 0, keys = 0, operations = 0, installations = 0, devices = 0,
               vault_requests = 0;  // looked at
  bool changed = false;
  std::int64_t count(std::string_view action) const noexcept;
};

/// The CA is the truth of what was issued, CA and inventory together of what was revoked (a revocation is never undone), the
/// inventory of what is installed. Adopts what our CA signed, repairs what has one right answer, reports the rest. Every
/// repair is audited in its transaction, so that a killed run has done a part and the next one does the rest.
/// @throws Error role-denied: also where a log is given and the login can't read the whole audit trail · file-not-found, file-denied ·
///   disk-unusable, database-busy: what is left can be done later
ReconcileAnswer reconcile(Workbench&, const ReconcileOptions&);
/// Serials of the enrolled YubiKeys that are plugged in. @throws Error what the agent throws
std::vector<std::string> plugged_in_devices(Workbench&);

}  // namespace ymgr
