// Each certificate of the inventory: is it what our CA signed, and does the CA say the same of it?
#include <algorithm>
#include <map>

#include "base/error.hpp"
#include "workflow/reconciliation.hpp"

namespace ymgr::reconciling {
namespace {

struct Seen {
  std::string cert_id, name, serial, issuer, status, reason, public_key, fingerprint,
      pem;  // pem: of those that have not expired
  Time expires_at;
};

Seen seen_of(const sql::Row& row) {
  const auto text = [&](int column) { return std::string(row.text(column)); };
  return {text(0), text(1), text(2), text(3), text(4), text(5), text(6), text(7), text(8), from_micros(row.integer(9))};
}

/// Our CAs, by subject: one that was rotated may have the name of the next.
class Checkers {
 public:
  explicit Checkers(const std::vector<ca::IssuerRow>& issuers) {
    for (const auto& row : issuers) {
      if (!row.is_issuing() || row.certificate.empty()) continue;
      const Certificate own[] = {parse_certificate(row.certificate)};
      by_subject_.emplace(row.subject, ChainChecker({}, own));
    }
  }

  /// Why it can't be what our CA signed; empty: it is.
  std::string fault(const Seen& row) const {
    const auto certificate = parsed(row.pem);
    if (!certificate) return "what stands there is no certificate";
    if (certificate->serial != row.serial || certificate->issuer != row.issuer ||
        certificate->not_after != row.expires_at || hex(certificate->key.sha256) != row.public_key ||
        hex(certificate->fingerprint) != row.fingerprint)
      return "its row tells other than the certificate";
    const auto [first, last] = by_subject_.equal_range(row.issuer);
    const bool is_ours = std::any_of(
        first, last, [&](const auto& ca) { return ca.second.check(*certificate, certificate->not_before).empty(); });
    return is_ours ? "" : "no CA of ours signed it";
  }

 private:
  static std::optional<Certificate> parsed(const std::string& pem) {
    try {
      return parse_certificate(pem);
    } catch (const Error& error) {  // that is what we look for
      if (error.code() != Code::certificate_invalid) throw;
      return std::nullopt;
    }
  }

  std::multimap<std::string, ChainChecker> by_subject_;
};

/// What is found while the rows are read; nothing else is asked of the database meanwhile.
struct Differences {
  std::vector<std::pair<Seen, std::string>> foreign;
  std::vector<Seen> unknown, revoked_at_ca, not_revoked_at_ca;
};

void compare_with_ca(KeptSerials& kept, Seen& row, Differences& found) {
  auto* entry = kept.find(row.serial);
  if (entry != nullptr) entry->has_row = true;
  if (row.pem.empty()) return;
  row.pem.clear();
  if (entry == nullptr)
    found.unknown.push_back(std::move(row));
  else if (entry->revoked && row.status != "revoked")
    found.revoked_at_ca.push_back(std::move(row));
  else if (!entry->revoked && row.status == "revoked")
    found.not_revoked_at_ca.push_back(std::move(row));
}

/// Subjects of the issuers that a CA elsewhere has; others came with a profile, and their keys are gone.
std::set<std::string> subjects_elsewhere(const Reconciliation& run) {
  std::set<std::string> subjects;
  for (const auto& row : run.issuers)
    if (row.is_issuing() && !row.is_of_a_profile()) subjects.insert(row.subject);
  return subjects;
}

Differences read_rows(Reconciliation& run) {
  const Checkers checkers(run.issuers);
  const auto elsewhere = subjects_elsewhere(run);
  Differences found;
  run.bench.db.run(
      "SELECT cert_id, name, serial_number, issuer, status, revocation_reason, public_key_sha256, fingerprint, "
      "CASE WHEN expires_at >= $1 THEN pem ELSE '' END, expires_at FROM certificates",
      {to_micros(run.at)}, [&](const sql::Row& read) {
        ++run.answer.certificates;
        auto row = seen_of(read);
        auto fault = row.pem.empty() ? std::string() : checkers.fault(row);
        if (!fault.empty())
          found.foreign.emplace_back(std::move(row), std::move(fault));
        else if (run.kept && elsewhere.contains(row.issuer))
          compare_with_ca(*run.kept, row, found);
      });
  return found;
}

void report_foreign(Reconciliation& run, const Seen& row, const std::string& why) {
  run.settled.insert(row.cert_id);
  run.report("certificate_foreign", row.cert_id,
             "the inventory has a certificate of " + row.name + " that our CA did not sign: " + why,
             "ymgr cert show " + row.cert_id);
}

void mark_revoked(Reconciliation& run, const Seen& seen) {
  run.settled.insert(seen.cert_id);
  const auto record = run.bench.authority.books()->read(seen.serial);
  if (!record || !record->revoked_at) return;
  run.repair(
      "revocation_unlisted", seen.cert_id,
      "the CA revoked the certificate of " + seen.name + ", which the inventory did not know",
      [&] {
        const auto& [certificate, revoked_at] = *record;
        if (const auto* issuer = run.issuer_of(certificate.issuer))
          run.record_at_ca(certificate, issuer->issuer_id, issuer->name, seen.cert_id);
        run.bench.authority.revoke(certificate.issuer, {certificate.serial, certificate.not_after, Reason::unspecified,
                                                        *revoked_at, std::nullopt});
        inventory::mark_revoked(run.bench.db, seen.cert_id, *revoked_at, Reason::unspecified, std::nullopt);
      },
      [&] {
        const auto row = inventory::by_id(run.bench.db, seen.cert_id);
        return row && row->status != CertificateStatus::revoked;
      });
}

/// Its row is changed by nobody: it goes to the CA with the next list, which is signed before this run ends.
void revoke_there(Reconciliation& run, const Seen& seen) {
  run.settled.insert(seen.cert_id);
  const auto record = run.bench.authority.books()->read(seen.serial);
  if (!record || record->revoked_at) return;  // by now
  const auto row = inventory::by_id(run.bench.db, seen.cert_id);
  if (!row || row->status != CertificateStatus::revoked) return;
  run.repair("revocation_unrecorded", seen.cert_id,
             "the certificate of " + row->name + " was marked as revoked, but the CA had not revoked it: it does now",
             [&] {
               const auto& certificate = record->certificate;
               if (const auto* issuer = run.issuer_of(certificate.issuer))
                 run.record_at_ca(certificate, issuer->issuer_id, issuer->name, seen.cert_id);
               run.revoke_as_row_says(*row);
             });
}

}  // namespace

void compare_rows(Reconciliation& run) {
  if (auto* books = run.bench.authority.books()) run.kept.emplace(*books);
  const auto found = read_rows(run);
  for (const auto& [row, why] : found.foreign) report_foreign(run, row, why);
  for (const auto& row : found.unknown)
    run.examine("certificate_foreign", row.cert_id, [&] {
      if (!run.bench.authority.books()->read(row.serial))
        report_foreign(run, row, "it does not know that serial number");
    });
  for (const auto& row : found.revoked_at_ca)
    run.examine("revocation_unlisted", row.cert_id, [&] { mark_revoked(run, row); });
  for (const auto& row : found.not_revoked_at_ca)
    run.examine("revocation_unrecorded", row.cert_id, [&] { revoke_there(run, row); });
}

}  // namespace ymgr::reconciling
