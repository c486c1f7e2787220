// What the parts of reconcile share; nobody else includes it.
#pragma once
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "authority/store.hpp"
#include "inventory/inventory.hpp"
#include "workflow/installation.hpp"
#include "workflow/reconcile.hpp"
#include "workflow/reconcile_books.hpp"

namespace ymgr {

class Reconciliation {
 public:
  Reconciliation(Workbench& workbench, const ReconcileOptions& wanted);

  Workbench& bench;
  const ReconcileOptions& options;
  const Time at;
  ReconcileAnswer answer;
  const std::vector<ca::IssuerRow> issuers;
  std::optional<reconciling::KeptSerials> kept;  // of a CA elsewhere, as compare_rows read it
  std::set<std::string> settled;                 // cert_ids that compare_rows dealt with: nothing more is done for them

  /// nullptr: not one of ours.
  const ca::IssuerRow* issuer_of(std::string_view subject) const noexcept;
  /// Signed by one of our CAs, whenever that was.
  bool is_ours(const Certificate&) const;

  void report(std::string kind, std::string subject, std::string message, std::string hint);
  /// Nothing can be done about it, or need be.
  void note(std::string kind, std::string subject, std::string message);
  /// `change` is SQL only; it runs in a transaction with its audit event. `still_wrong`: asked in it; false: another process
  /// was quicker.
  void repair(std::string kind, std::string subject, std::string message, const std::function<void()>& change,
              const std::function<bool()>& still_wrong = {});
  /// The CA's rows have it.
  bool is_recorded(std::string_view issuer_id, std::string_view serial);
  /// The database has this certificate of that CA.
  bool is_in_inventory(std::string_view issuer, std::string_view serial);
  /// `change` touches files or a CA elsewhere and may be done twice; its audit event follows.
  void repair_outside(std::string kind, std::string subject, std::string message, const std::function<void()>& change);
  /// In the caller's transaction: the CA's rows have this certificate from now on, if they did not.
  void record_at_ca(const Certificate&, const std::string& issuer_id, const std::string& ca_name,
                    const std::string& cert_id);
  /// In the caller's transaction: the CA's rows have what the inventory says.
  void revoke_as_row_says(const CertificateRow&);
  /// Keeps what was lent for a time: between parts of the run.
  void tend();
  /// What `look` throws becomes a report about `subject`, unless it may work later.
  void examine(std::string kind, const std::string& subject, const std::function<void()>& look);

 private:
  void record(const Finding& finding);
};

/// In this order: later ones build on what earlier ones repaired.
namespace reconciling {
void look_at_profile_files(Reconciliation&);
void adopt_installed(Reconciliation&);
void compare_rows(Reconciliation&);
void compare_issued(Reconciliation&);
void compare_revocations(Reconciliation&);
void compare_crls(Reconciliation&);
void compare_keys(Reconciliation&);
void look_at_operations(Reconciliation&);
void compare_installations(Reconciliation&);
/// Those of this host, once the installations had their use of them.
void settle_waiting_keys(Reconciliation&);
void end_graces(Reconciliation&);
/// What a team's Vault was told of YubiKeys and their owners.
void compare_owners(Reconciliation&);
void compare_audit(Reconciliation&);
/// Where a log of Vault's is given.
void compare_vault_log(Reconciliation&);
/// Of a CA elsewhere: what it signed and the inventory does not have.
void look_at_strangers(Reconciliation&);
/// Instead of all of them, where devices are named.
void compare_devices(Reconciliation&);
}  // namespace reconciling

}  // namespace ymgr
