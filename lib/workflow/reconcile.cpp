#include "workflow/reconcile.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/ids.hpp"
#include "workflow/omitted.hpp"
#include "workflow/reconciliation.hpp"

namespace ymgr {

std::int64_t ReconcileAnswer::count(std::string_view action) const noexcept {
  return std::ranges::count_if(findings, [&](const Finding& finding) { return finding.action == action; });
}

Reconciliation::Reconciliation(Workbench& workbench, const ReconcileOptions& wanted)
    : bench(workbench), options(wanted), at(now()), answer{}, issuers(ca::issuer_rows(workbench.db)) {
  if (options.dry_run) return;
  answer.request_id = new_id("req", at);
  bench.begins(answer.request_id);
}

const ca::IssuerRow* Reconciliation::issuer_of(std::string_view subject) const noexcept {
  const auto found = std::ranges::find_if(
      issuers, [&](const ca::IssuerRow& row) { return row.is_issuing() && row.subject == subject; });
  return found == issuers.end() ? nullptr : &*found;
}

bool Reconciliation::is_ours(const Certificate& certificate) const {
  const auto* issuer = issuer_of(certificate.issuer);
  if (!issuer || issuer->certificate.empty()) return false;
  const Certificate above[] = {parse_certificate(issuer->certificate)};
  return check_chain(certificate, {}, above, certificate.not_before).empty();
}

void Reconciliation::report(std::string kind, std::string subject, std::string message, std::string hint) {
  answer.findings.push_back({std::move(kind), std::move(subject), "reported", std::move(message), std::move(hint)});
}

void Reconciliation::note(std::string kind, std::string subject, std::string message) {
  answer.findings.push_back({std::move(kind), std::move(subject), "noted", std::move(message), {}});
}

void Reconciliation::record(const Finding& finding) {
  audit::append(bench.db, bench.session.identity().user,
                {{answer.request_id, "reconcile.repaired", finding.subject,
                  Json::object({{"kind", finding.kind}, {"message", finding.message}})}},
                bench.head_signer);
}

void Reconciliation::repair(std::string kind, std::string subject, std::string message,
                            const std::function<void()>& change, const std::function<bool()>& still_wrong) {
  const auto* action = options.dry_run ? "planned" : "repaired";
  Finding finding{std::move(kind), std::move(subject), action, std::move(message), {}};
  if (!options.dry_run) {
    bool needed = true;
    bench.db.transaction(sql::Access::write, [&] {
      needed = !still_wrong || still_wrong();
      if (!needed) return;
      change();
      record(finding);
    });
    if (!needed) return;
    answer.changed = true;
  }
  answer.findings.push_back(std::move(finding));
}

bool Reconciliation::is_in_inventory(std::string_view issuer, std::string_view serial) {
  bool there = false;
  bench.db.run("SELECT 1 FROM certificates WHERE issuer = $1 AND serial_number = $2", {issuer, serial},
               [&](const sql::Row&) { there = true; });
  return there;
}

bool Reconciliation::is_recorded(std::string_view issuer_id, std::string_view serial) {
  bool there = false;
  bench.db.run("SELECT 1 FROM ca_issued WHERE issuer_id = $1 AND serial_number = $2", {issuer_id, serial},
               [&](const sql::Row&) { there = true; });
  return there;
}

void Reconciliation::record_at_ca(const Certificate& certificate, const std::string& issuer_id,
                                  const std::string& ca_name, const std::string& cert_id) {
  if (!is_recorded(issuer_id, certificate.serial))
    bench.authority.record_issued({certificate, issuer_id, ca_name}, cert_id);
}

void Reconciliation::revoke_as_row_says(const CertificateRow& row) {
  bench.authority.revoke(row.issuer,
                         {row.serial, row.expires_at, reason_of(row.revocation_reason).value_or(Reason::unspecified),
                          row.revoked_at.value_or(floor_seconds(at)), row.invalidity_at});
}

void Reconciliation::repair_outside(std::string kind, std::string subject, std::string message,
                                    const std::function<void()>& change) {
  if (!options.dry_run) change();
  repair(std::move(kind), std::move(subject), std::move(message), [] {});
}

void Reconciliation::tend() {
  if (bench.tend) bench.tend();
}

void Reconciliation::examine(std::string kind, const std::string& subject, const std::function<void()>& look) {
  try {
    look();
  } catch (const Error& error) {  // a fault of what is looked at, not of looking
    if (error.retryable()) throw;
    report(std::move(kind), subject, error.what(), error.suggestion());
  }
}

namespace {

constexpr void (*parts[])(Reconciliation&) = {
    reconciling::look_at_profile_files, reconciling::adopt_installed,     reconciling::compare_rows,
    reconciling::compare_issued,        reconciling::compare_revocations, reconciling::compare_crls,
    reconciling::compare_keys,          reconciling::look_at_operations,  reconciling::compare_installations,
    reconciling::settle_waiting_keys,   reconciling::end_graces,          reconciling::compare_owners,
    reconciling::compare_audit,         reconciling::compare_vault_log};

void compare_all(Reconciliation& run) {
  for (const auto part : parts) {
    run.tend();
    part(run);
  }
}

}  // namespace

ReconcileAnswer reconcile(Workbench& bench, const ReconcileOptions& options) {
  bench.session.require(Right::reconcile);
  if (options.vault_log && !sees_whole_trail(bench.db))
    throw Error(Code::role_denied, "this login can't read the whole audit trail, which Vault's log is compared with",
                "have an admin do it");
  Reconciliation run(bench, options);
  if (options.devices.empty())
    compare_all(run);
  else
    reconciling::compare_devices(run);
  if (!options.dry_run) {
    const auto& answer = run.answer;
    bench.db.transaction(sql::Access::write, [&] {
      audit::append(bench.db, bench.session.identity().user,
                    {{answer.request_id, "reconcile.done", "profile",
                      Json::object({{"certificates", answer.certificates},
                                    {"repaired", answer.count("repaired")},
                                    {"reported", answer.count("reported")}})}},
                    bench.head_signer);
    });
  }
  return std::move(run.answer);
}

}  // namespace ymgr
