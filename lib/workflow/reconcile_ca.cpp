// The CA against the inventory: what was issued, what was revoked, what the lists say.
#include <algorithm>
#include <set>

#include "authority/crl.hpp"
#include "base/error.hpp"
#include "base/text.hpp"
#include "workflow/ca.hpp"
#include "workflow/reconciliation.hpp"

namespace ymgr::reconciling {
namespace {

struct Issued {
  std::string issuer, serial, cert_id;
  Time not_after;
};

std::vector<Issued> without_row(sql::Connection& db) {
  std::vector<Issued> found;
  db.run(
      "SELECT i.subject, c.serial_number, c.cert_id, c.not_after FROM ca_issued c "
      "JOIN issuers i ON i.issuer_id = c.issuer_id WHERE NOT EXISTS (SELECT 1 FROM certificates x "
      "WHERE x.issuer = i.subject AND x.serial_number = c.serial_number) "
      "AND NOT EXISTS (SELECT 1 FROM ca_revocations r "
      "WHERE r.issuer_id = c.issuer_id AND r.serial_number = c.serial_number) "
      "ORDER BY c.cert_id",
      {}, [&](const sql::Row& row) {
        found.push_back({std::string(row.text(0)), std::string(row.text(1)), std::string(row.text(2)),
                         from_micros(row.integer(3))});
      });
  return found;
}

void settle_orphan(Reconciliation& run, const Issued& orphan) {
  if (orphan.not_after < run.at) return;  // harms nobody any more
  const std::string message = "the CA signed " + orphan.cert_id + ", which the inventory does not have";
  if (!run.options.revoke_orphans) {
    run.report("certificate_orphaned", orphan.serial, message,
               "revoke it with ymgr reconcile --revoke-orphans, or restore a backup that has it");
    return;
  }
  run.repair("certificate_orphaned", orphan.serial, message + ": revoked", [&] {
    run.bench.authority.revoke(
        orphan.issuer, {orphan.serial, orphan.not_after, Reason::unspecified, floor_seconds(run.at), std::nullopt});
  });
}

std::vector<std::string> ids_of(sql::Connection& db, std::string_view query) {
  std::vector<std::string> ids;
  db.run(query, {}, [&](const sql::Row& row) { ids.emplace_back(row.text(0)); });
  return ids;
}

void adopt_row(Reconciliation& run, const std::string& cert_id) {
  const auto row = inventory::by_id(run.bench.db, cert_id);
  if (!row || run.settled.contains(cert_id)) return;
  const auto certificate = parse_certificate(row->pem);
  const auto* issuer = run.issuer_of(row->issuer);
  if (!issuer || certificate.serial != row->serial || !run.is_ours(certificate)) {
    run.report("certificate_foreign", cert_id,
               "the inventory has a certificate of " + row->name + " that our CA did not sign",
               "ymgr cert show " + cert_id);
    return;
  }
  run.repair(
      "certificate_unrecorded", cert_id, "the CA did not know that it signed the certificate of " + row->name,
      [&] { run.record_at_ca(certificate, issuer->issuer_id, issuer->name, cert_id); },
      [&] { return !run.is_recorded(issuer->issuer_id, certificate.serial); });
}

struct Revocation {
  std::string cert_id, serial, public_key;
  Reason reason = Reason::unspecified;
  Time revoked_at;
  std::optional<Time> invalidity_at;
};

std::vector<Revocation> not_in_inventory(sql::Connection& db) {
  std::vector<Revocation> found;
  db.run(
      "SELECT x.cert_id, x.serial_number, x.public_key_sha256, r.reason, r.revoked_at, r.invalidity_at "
      "FROM ca_revocations r JOIN issuers i ON i.issuer_id = r.issuer_id "
      "JOIN certificates x ON x.issuer = i.subject AND x.serial_number = r.serial_number "
      "WHERE x.status <> 'revoked' OR x.revocation_reason <> r.reason OR (r.reason = 'keyCompromise' "
      "AND NOT EXISTS (SELECT 1 FROM denied_keys d WHERE d.public_key_sha256 = x.public_key_sha256)) "
      "ORDER BY x.cert_id",
      {}, [&](const sql::Row& row) {
        found.push_back({std::string(row.text(0)), std::string(row.text(1)), std::string(row.text(2)),
                         reason_of(row.text(3)).value_or(Reason::unspecified), from_micros(row.integer(4)),
                         row.is_null(5) ? std::nullopt : std::optional(from_micros(row.integer(5)))});
      });
  return found;
}

constexpr std::string_view revoked_in_inventory_only =
    "SELECT x.cert_id FROM certificates x WHERE x.status = 'revoked' AND NOT EXISTS (SELECT 1 FROM ca_revocations r "
    "JOIN issuers i ON i.issuer_id = r.issuer_id WHERE i.subject = x.issuer AND r.serial_number = x.serial_number) "
    "ORDER BY x.cert_id";

/// A revocation is never undone by itself: the side that has it wins.
void revoke_at_ca(Reconciliation& run, const std::string& cert_id) {
  const auto row = inventory::by_id(run.bench.db, cert_id);
  if (!row || run.settled.contains(cert_id)) return;
  run.repair("revocation_unrecorded", cert_id,
             "the CA did not know that the certificate of " + row->name + " is revoked",
             [&] { run.revoke_as_row_says(*row); });
}

std::set<std::string> revoked_serials(sql::Connection& db, std::string_view issuer_id, Time not_before) {
  std::set<std::string> serials;
  db.run("SELECT serial_number FROM ca_revocations WHERE issuer_id = $1 AND not_after >= $2",
         {issuer_id, to_micros(not_before)}, [&](const sql::Row& row) { serials.emplace(row.text(0)); });
  return serials;
}

/// nullopt: missing, or not signed by its CA.
std::optional<Crl> stored_crl(const ca::IssuerRow& row) {
  if (row.crl.empty()) return std::nullopt;
  const auto issuer = parse_certificate(row.certificate);
  try {
    return parse_crl(row.crl, &issuer);
  } catch (const Error& error) {  // that is what we look for
    if (error.code() != Code::crl_invalid) throw;
    return std::nullopt;
  }
}

/// Why the list must be signed anew, in words; empty: it is good.
std::string crl_fault(sql::Connection& db, const ca::IssuerRow& row, Time at) {
  const auto crl = stored_crl(row);
  if (!crl) return row.crl.empty() ? "there is no list" : "the list is damaged";
  if (crl->next_update <= at) return "the list ended on " + format_time(crl->next_update);
  std::set<std::string> listed;
  for (const auto& entry : crl->entries) listed.insert(entry.serial);
  for (const auto& serial : revoked_serials(db, row.issuer_id, crl->this_update))
    if (!listed.contains(serial)) return "the list lacks " + serial;
  const auto known = revoked_serials(db, row.issuer_id, from_micros(0));
  for (const auto& serial : listed)
    if (!known.contains(serial)) return "the list holds " + serial + ", which is not revoked";
  return ca::is_crl_due(db, row, at) ? "the list is due" : "";
}

/// What the rows have as revoked and a CA elsewhere never signed.
std::vector<std::string> invented(Reconciliation& run, const ca::IssuerRow& row) {
  std::vector<std::string> serials;
  for (const auto& serial : revoked_serials(run.bench.db, row.issuer_id, run.at))
    if (!run.kept->find(serial) && !run.bench.authority.books()->read(serial)) serials.push_back(serial);
  return serials;
}

/// Why the list of a CA elsewhere must be made anew, in words; empty: it is good.
std::string fault_elsewhere(Reconciliation& run, const ca::IssuerRow& row, const std::vector<std::string>& but) {
  const auto crl = run.bench.authority.crl(row.subject);
  if (!crl) return "there is no list";
  if (crl->next_update <= run.at) return "the list ended on " + format_time(crl->next_update);
  for (const auto& serial : revoked_serials(run.bench.db, row.issuer_id, run.at))
    if (crl->find(serial) == nullptr && std::ranges::find(but, serial) == but.end()) return "the list lacks " + serial;
  return "";
}

void compare_crl(Reconciliation& run, const ca::IssuerRow& row) {
  auto& bench = run.bench;
  std::string fault;
  if (run.kept) {
    const auto unknown = invented(run, row);
    for (const auto& serial : unknown)
      run.report("revocation_foreign", serial, "the rows of " + row.name + " have a revocation of what it never signed",
                 "find out who entered it: ymgr audit list");
    fault = fault_elsewhere(run, row, unknown);
  } else {
    fault = crl_fault(bench.db, row, run.at);
  }
  if (fault.empty()) return;
  run.repair_outside("crl", row.name, fault + ": a new one is signed", [&] {
    if (!run.kept) ca::mark_crl_stale(bench.db, row.issuer_id);
    sign_crls(bench, run.answer.request_id, run.kept.has_value());
  });
}

/// Of a CA whose lists and OCSP answers are ours to make.
void compare_ca_files(Reconciliation& run) {
  auto& bench = run.bench;
  const auto stale = stale_ca_files(bench.db, bench.ca_folder);
  if (!stale.empty())
    run.repair_outside("ca_files", bench.ca_folder, "written anew: " + join(stale, ", "),
                       [&] { publish_ca_files(bench.db, bench.ca_folder); });
}

void look_at_ocsp_signer(Reconciliation& run) {
  auto& bench = run.bench;
  run.examine("ocsp_signer", bench.ca_folder, [&] {
    if (!run.options.dry_run && !renew_ocsp_signers(bench, run.answer.request_id, false).empty())
      run.repair_outside("ocsp_signer", bench.ca_folder, "the OCSP signer was missing or due", [] {});
  });
}

}  // namespace

void compare_issued(Reconciliation& run) {
  auto& db = run.bench.db;
  if (run.kept) {
    look_at_strangers(run);
  } else {
    for (const auto& orphan : without_row(db))
      run.examine("certificate_orphaned", orphan.serial, [&] { settle_orphan(run, orphan); });
  }
  const auto unrecorded = ids_of(
      db,
      "SELECT x.cert_id FROM certificates x WHERE NOT EXISTS (SELECT 1 FROM ca_issued c "
      "JOIN issuers i ON i.issuer_id = c.issuer_id WHERE i.subject = x.issuer AND c.serial_number = x.serial_number) "
      "ORDER BY x.cert_id");
  for (const auto& cert_id : unrecorded)
    run.examine("certificate_unrecorded", cert_id, [&] { adopt_row(run, cert_id); });
}

void compare_revocations(Reconciliation& run) {
  auto& db = run.bench.db;
  db.run("SELECT count(*) FROM ca_revocations", {},
         [&](const sql::Row& row) { run.answer.revocations = row.integer(0); });
  for (const auto& item : not_in_inventory(db)) {
    const auto message = "the inventory did not know of the revocation for " + std::string(to_string(item.reason));
    run.repair("revocation_unlisted", item.cert_id, message, [&] {
      inventory::mark_revoked(db, item.cert_id, item.revoked_at, item.reason, item.invalidity_at);
      if (item.reason == Reason::key_compromise)
        inventory::deny_key(db, item.public_key, "keyCompromise", item.cert_id, item.revoked_at);
    });
  }
  for (const auto& cert_id : ids_of(db, revoked_in_inventory_only))
    run.examine("revocation_unrecorded", cert_id, [&] { revoke_at_ca(run, cert_id); });
}

void compare_crls(Reconciliation& run) {
  auto& bench = run.bench;
  if (!run.kept) compare_ca_files(run);
  const auto before = run.answer.findings.size();
  for (const auto& row : run.issuers) {
    if (!row.is_issuing() || !row.is_live(run.at)) continue;
    if (run.kept && row.is_of_a_profile()) continue;
    ++run.answer.crls;
    run.examine("crl", row.name, [&] { compare_crl(run, row); });
  }
  if (run.kept) return;
  if (run.answer.findings.size() > before && !run.options.dry_run) publish_ca_files(bench.db, bench.ca_folder);
  look_at_ocsp_signer(run);
}

}  // namespace ymgr::reconciling
