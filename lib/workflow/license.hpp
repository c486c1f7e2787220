// Licences of an installation: what they allow, how they get in, and the one gate before enrollments and new issues.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "license/license_standing.hpp"
#include "workflow/workbench.hpp"

namespace ymgr {

struct LicensePorts {
  sql::Connection& db;
  const Session& session;
  Stores& stores;
  const audit::HeadSigner* signer;
  std::vector<license::VendorKey> keys;
};

/// Gives a database its id, once. Joins the caller's transaction.
std::string begin_installation(sql::Connection&, Time at);
/// nullopt: made before there were ids.
std::optional<std::string> installation_id(sql::Connection&);
/// The id, which an admin's command makes where it is missing; in a profile, one that was taken out of the settings comes back from the audit
/// trail. @throws Error role-denied: it is missing, and who asks is no admin
std::string require_installation_id(const LicensePorts&);

struct LicenseReport {
  std::string installation_id;  // empty: there is none yet
  license::Standing standing;
  std::optional<Error> store_error;  // why the store did not answer
};
/// Asks the store, and no one else: outside of any transaction. @throws Error role-denied: an auditor's of a profile, who opens nothing
LicenseReport license_report(const LicensePorts&);

enum class DryRun { no, yes };
struct InstalledLicense {
  LicenseReport report;  // as it is now, or would be
  license::License license;
  std::string signed_by;
  bool changed = false;  // false: it was there already
};
/// @throws Error role-denied; usage: no key of a vendor is configured · license-unreadable · license-invalid: not signed by it, for another
/// installation, or older than one that was installed before · license-expired · version-conflict: somebody else installs one now
InstalledLicense install_license(const LicensePorts&, std::string_view text, DryRun);

/// One licence that was installed. The store and the audit trail both tell; whoever may not read the trail sees the store's alone.
struct LicenseHistoryItem {
  std::string license_id, customer;  // customer: empty where the store has it no more
  std::optional<Time> issued_at, not_before, expires_at;
  Time installed_at{};
  std::string installed_by, signed_by;
  std::string kept;  // "kept", "missing": the trail has it, the store not, "damaged"
};
std::vector<LicenseHistoryItem> license_history(const LicensePorts&);

/// What can be told of it by who renews; nullopt: no licence is asked for, or nobody can tell now.
std::optional<license::Standing> license_standing(Workbench&);

/// The gate, asked before anything is planned and outside of any transaction. nullopt: go on; a warning says when that will end. Else
/// license-expired or license-invalid; or what keeps the store from answering, where only that is in the way.
std::optional<Error> license_refusal(Workbench&);
/// The same for one YubiKey or request; the refusal is on the audit trail. `dry_run`: it leaves no trace.
void require_license(Workbench&, std::string_view target, DryRun dry_run);
/// Throws what license_refusal gave; what is not for now alone is on the audit trail before.
[[noreturn]] void refuse_unlicensed(Workbench&, std::string_view target, const Error& refusal);

}  // namespace ymgr
