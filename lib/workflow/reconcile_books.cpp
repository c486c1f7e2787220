#include "workflow/reconcile_books.hpp"

#include <algorithm>
#include <map>

#include "base/error.hpp"
#include "base/ids.hpp"
#include "base/text.hpp"
#include "workflow/operation.hpp"
#include "workflow/reconciliation.hpp"

namespace ymgr::reconciling {
namespace {

constexpr std::size_t told_at_most = 100;
/// A host that could not reach the database delivers within that what it renewed meanwhile.
constexpr Duration delivery_time = std::chrono::days(7);
/// So long a certificate may wait for the operation that had it signed.
constexpr Duration waiting_time = std::chrono::hours(1);

/// nullopt: no serial number, so nobody's.
std::optional<KeptSerials::Entry> entry_of(std::string_view text) {
  const auto serial = normal_serial(text);
  if (!serial) return std::nullopt;
  KeptSerials::Entry entry{};
  auto place = entry.serial.rbegin();
  for (auto end = serial->size(); place != entry.serial.rend(); ++place, end -= 3) {
    *place = static_cast<std::uint8_t>(std::stoul(serial->substr(end - 2, 2), nullptr, 16));
    if (end == 2) break;
  }
  return entry;
}

bool is_before(const KeptSerials::Entry& a, const KeptSerials::Entry& b) {
  return a.serial < b.serial;
}

/// A certificate that somebody asked for by an operation which is not done.
struct Requested {
  std::string request_id, status;
};
using RequestedKeys = std::map<std::string, Requested>;  // by the public key's SHA-256

/// Empty: it is no request for a certificate.
std::string key_of_request(const std::string& csr) {
  try {
    return csr.empty() ? std::string() : hex(parse_csr(csr).key.sha256);
  } catch (const Error& error) {  // somebody wrote it past ymgr
    if (error.retryable()) throw;
    return {};
  }
}

RequestedKeys requested_keys(sql::Connection& db) {
  RequestedKeys keys;
  db.run(
      "SELECT request_id, status, data FROM operation_items WHERE kind IN ('issue', 'renew') AND status <> 'done' "
      "ORDER BY request_id",
      {}, [&](const sql::Row& row) {
        const auto key = key_of_request(text_in(journaled(row.text(2)), "csr"));
        if (!key.empty()) keys[key] = {std::string(row.text(0)), std::string(row.text(1))};
      });
  return keys;
}

/// Certificates that the CA keeps and the inventory does not have.
class Strangers {
 public:
  explicit Strangers(Reconciliation& run) : run_(run), cas_(list_cas(run.bench.db)) {}

  void look_at(const std::string& serial) {
    const auto record = run_.bench.authority.books()->read(serial);
    if (!record || record->revoked_at) return;
    const auto& certificate = record->certificate;
    if (certificate.not_after < run_.at || is_ca(certificate)) return;
    const auto* issuer = ca_of(cas_, certificate);
    if (issuer != nullptr && run_.is_in_inventory(certificate.issuer, certificate.serial))
      return;  // since the list was read
    settle(certificate, issuer);
  }

  void tell_the_rest() {
    if (foreign_ > told_at_most)
      run_.report("certificate_orphaned", "the CA",
                  "it signed " + std::to_string(foreign_ - told_at_most) + " more that nobody asked for by ymgr",
                  advice);
  }

 private:
  bool is_ca(const Certificate& certificate) const {
    return std::ranges::any_of(cas_, [&](const CaInfo& ca) {
      return ca.certificate && ca.certificate->fingerprint == certificate.fingerprint;
    });
  }

  void settle(const Certificate& certificate, const CaInfo* issuer) {
    const auto key = hex(certificate.key.sha256);
    const auto& requested = asked_keys();
    const auto found = requested.find(key);
    if (found != requested.end() && (found->second.status == "open" || found->second.status == "waiting")) {
      tell_waiting(certificate, found->second.request_id);
    } else if (const auto before = may_be_renewal_of(certificate, key); issuer != nullptr && before) {
      run_.note("certificate_waiting", certificate.serial,
                "the CA signed " + name_of(certificate) + ", which may be the renewal of " + before->cert_id +
                    " by a host that could not reach the database and has not delivered it" +
                    (before->host.empty() ? "" : ": " + printable(before->host)));
    } else if (issuer != nullptr && (found != requested.end() || has_row(key))) {
      settle_orphan(certificate, *issuer);
    } else if (++foreign_ <= told_at_most) {
      run_.report("certificate_orphaned", certificate.serial,
                  "the CA signed " + name_of(certificate) + ", which nobody asked for by ymgr", advice);
    }
  }

  /// By the CA's clock: whoever has it signed past ymgr can keep an operation waiting.
  void tell_waiting(const Certificate& certificate, const std::string& request_id) {
    const auto id = printable(request_id);
    const auto message = "the CA signed " + name_of(certificate) + " for " + id + ", which has not ended";
    if (certificate.not_before + waiting_time < run_.at)
      run_.report("certificate_waiting", certificate.serial, message,
                  "go on with ymgr resume " + id + ", or give it up with ymgr operation abandon " + id);
    else
      run_.note("certificate_waiting", certificate.serial, message);
  }

  void settle_orphan(const Certificate& certificate, const CaInfo& issuer) {
    const auto message = "the CA signed " + name_of(certificate) + ", which the inventory does not have";
    if (!run_.options.revoke_orphans)
      return run_.report("certificate_orphaned", certificate.serial, message,
                         "revoke it with ymgr reconcile --revoke-orphans, or restore a backup that has it");
    run_.repair("certificate_orphaned", certificate.serial, message + ": revoked", [&] {
      auto& authority = run_.bench.authority;
      run_.record_at_ca(certificate, issuer.issuer_id, issuer.name, new_id("cert", certificate.not_before));
      authority.revoke(certificate.issuer, {certificate.serial, certificate.not_after, Reason::unspecified,
                                            floor_seconds(run_.at), std::nullopt});
    });
  }

  const RequestedKeys& asked_keys() {
    if (!keys_) keys_ = requested_keys(run_.bench.db);
    return *keys_;
  }

  /// A young certificate with key and names of an active one that is older: that which is in use would be revoked.
  std::optional<CertificateRow> may_be_renewal_of(const Certificate& certificate, const std::string& key) const {
    if (certificate.not_before + delivery_time < run_.at) return std::nullopt;
    for (auto& row : inventory::by_public_key(run_.bench.db, key))
      if (row.status == CertificateStatus::active && row.sans == certificate.sans &&
          row.not_before < certificate.not_before)
        return std::move(row);
    return std::nullopt;
  }

  bool has_row(const std::string& key) const { return !inventory::by_public_key(run_.bench.db, key).empty(); }

  static std::string name_of(const Certificate& certificate) {
    return printable(certificate.subject.empty() ? certificate.serial : certificate.subject) + " (until " +
           format_time(certificate.not_after) + ")";
  }

  static constexpr auto advice =
      "find out who did: reconcile --vault-audit tells it. To end it, an operator revokes that serial number in Vault";

  Reconciliation& run_;
  std::vector<CaInfo> cas_;
  std::optional<RequestedKeys> keys_;
  std::size_t foreign_ = 0;
};

}  // namespace

KeptSerials::KeptSerials(CaBooks& books) {
  books.issued([&](const std::string& serial) {
    if (const auto entry = entry_of(serial)) entries_.push_back(*entry);
  });
  std::ranges::sort(entries_, is_before);
  books.revoked([&](const std::string& serial) {
    if (auto* entry = find(serial)) entry->revoked = true;
  });
}

KeptSerials::Entry* KeptSerials::find(std::string_view serial) noexcept {
  const auto wanted = entry_of(serial);
  if (!wanted) return nullptr;
  const auto place = std::ranges::lower_bound(entries_, *wanted, is_before);
  return place == entries_.end() || place->serial != wanted->serial ? nullptr : &*place;
}

std::string serial_of(const KeptSerials::Entry& entry) {
  std::string bytes(entry.serial.begin(), entry.serial.end());
  return normal_serial(to_hex(bytes)).value_or("");
}

void look_at_strangers(Reconciliation& run) {
  Strangers strangers(run);
  for (const auto& entry : run.kept->entries()) {
    if (entry.has_row || entry.revoked) continue;
    const auto serial = serial_of(entry);
    run.tend();
    run.examine("certificate_orphaned", serial, [&] { strangers.look_at(serial); });
  }
  strangers.tell_the_rest();
}

}  // namespace ymgr::reconciling
