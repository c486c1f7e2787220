// Inventory Agent: the certificates table.
#pragma once
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "sql/connection.hpp"
#include "x509/types.hpp"

namespace ymgr {

enum class CertificateStatus { active, superseded, revoked };
std::string_view to_string(CertificateStatus) noexcept;

/// One row of `certificates`.
struct CertificateRow {
  std::string cert_id, name, subject;
  std::vector<San> sans;
  std::string serial, issuer, ca_name;                          // issuer: its subject DN
  std::string key_reference, key_algorithm, public_key_sha256;  // hex
  Time key_created_at;
  std::string profile, owner;
  std::map<std::string, std::string> labels;
  std::string policy_version;
  Json violations;  // array; null: complies
  CertificateStatus status = CertificateStatus::active;
  Time issued_at, not_before, expires_at;
  std::string renew_before;  // as given; empty: default
  Time renew_at;
  std::string renewed_from;  // cert_id or empty
  std::optional<Time> revoked_at, invalidity_at;
  std::string revocation_reason;
  std::string fingerprint, pem, csr;  // hex; PEM; PEM or empty
  std::string device, slot;           // of a key on a YubiKey: its serial number, "9a"; or empty
  std::string attestation;            // PEM of the key's attestation and of the certificate that signed it; or empty
  std::string host, installation;
  std::string hook_state, hook_message;  // "", "ok", "pending"
  std::optional<Time> hook_at;
  std::string request_id, issued_by;
};

/// `--select owner=…,profile=…,name=…,status=…,label.KEY=…,expires-before=…,expires-after=…,ca=…,host=…,key=…,
/// device=…`: all of them hold. Values of name and owner may hold '*', any text. A condition may begin with '!'. Status: active (and not yet
/// expired), expired, superseded, revoked. key: the algorithm; device: a YubiKey's serial number. Times as parse_time reads them.
struct Selection {
  struct Condition {
    std::string field, value;
    bool negated = false;
  };
  std::vector<Condition> conditions;
  bool empty() const noexcept { return conditions.empty(); }
};
/// @throws Error usage: nothing at all, unknown field with the nearest one, wrong value; time-invalid
Selection parse_selection(std::string_view text);
/// Each condition as parse_selection reads it: "owner=alice", "!profile=tls-client".
std::vector<std::string> texts_of(const Selection&);

namespace inventory {

/// In the caller's transaction. Labels go to their own table too. @throws Error database-failed: serial is there
void insert(sql::Connection&, const CertificateRow&);
std::optional<CertificateRow> by_id(sql::Connection&, std::string_view cert_id);
/// By their ids, those that are there.
std::map<std::string, CertificateRow> by_ids(sql::Connection&, const std::vector<std::string>& cert_ids);
/// Of one name, newest first.
std::vector<CertificateRow> by_name(sql::Connection&, std::string_view name);
/// Neither superseded nor revoked nor expired at `at`.
std::optional<CertificateRow> active_by_name(sql::Connection&, std::string_view name, Time at);
/// The same of many names.
std::map<std::string, CertificateRow> active_by_names(sql::Connection&, const std::vector<std::string>& names, Time at);
/// Which of these names have had a certificate whose key is the one at its place in `key_references`.
std::set<std::string> names_with_keys(sql::Connection&, const std::vector<std::string>& names,
                                      const std::vector<std::string>& key_references);
/// Neither superseded nor revoked nor expired, with a key in that slot of that YubiKey. Index certificates_device.
std::vector<CertificateRow> active_in_slot(sql::Connection&, std::string_view device, std::string_view slot, Time at);
std::vector<CertificateRow> by_public_key(sql::Connection&, std::string_view public_key_sha256);
/// `row`, what it was renewed from and what was renewed from it, newest first.
std::vector<CertificateRow> lineage(sql::Connection&, const CertificateRow& row);
/// A certificate argument: cert_id, then name (its active certificate, else its newest), then serial (colons or bare hex).
/// @throws Error certificate-not-found with the nearest name, certificate-ambiguous: several active ones of that name
/// (issue --another), or issuers with the same serial
CertificateRow resolve(sql::Connection&, std::string_view argument, Time at);

struct ListQuery {
  Selection selection;
  std::optional<CertificateStatus> status;
  bool expired = false;    // only expired ones
  std::int64_t limit = 0;  // 0: all
};
/// Streams rows ordered by expiry; memory stays flat.
void list(sql::Connection&, const ListQuery&, Time at, const std::function<void(const CertificateRow&)>& each);

/// Up to `limit` rows of any status whose id comes after `cert_id`, in the order of ids: for walking over all of them in
/// groups.
void page(sql::Connection&, std::string_view cert_id, std::int64_t limit,
          const std::function<void(const CertificateRow&)>& each);

struct DueQuery {
  Time at;
  Selection selection;
  std::optional<RenewBefore> renew_before;  // instead of each row's own
  std::string host;                         // with only_host: what is installed here
  bool only_host = false;                   // installed on `host`, or nowhere: not what other hosts have installed
  std::int64_t limit = 0;
};
/// Active certificates whose renew_at has come, soonest expiry first; includes expired ones. Index certificates_due.
void due(sql::Connection&, const DueQuery&, const std::function<void(const CertificateRow&)>& each);
/// Without reading them whole: how many.
std::int64_t count_due(sql::Connection&, const DueQuery&);

/// What an active certificate brings to its next renewal.
struct ComingRenewal {
  std::string cert_id, name, profile, owner, serial;
  std::vector<San> sans;
  std::string key_algorithm, public_key_sha256, key_reference;
  Time key_created_at, renew_at, expires_at;
  bool key_denied = false;
};
/// Streams all active certificates, the one that is due first first. Index certificates_due.
void coming_renewals(sql::Connection&, const Selection&, Time at,
                     const std::function<void(const ComingRenewal&)>& each);

/// Where it is active; a revoked one stays revoked.
void supersede(sql::Connection&, std::string_view cert_id);
/// Revoked already: date stays, reason becomes the new one, invalidity date too when there is one.
/// @throws Error certificate-not-found, as the setters below
void mark_revoked(sql::Connection&, std::string_view cert_id, Time revoked_at, Reason,
                  std::optional<Time> invalidity_at);
/// After unhold: active, or superseded when it was renewed. @throws Error certificate-state: not on hold
void mark_active(sql::Connection&, std::string_view cert_id);
/// Also ends the claim on the hook.
void set_hook_result(sql::Connection&, std::string_view cert_id, std::string_view state, std::string_view message,
                     Time at);
void set_installation(sql::Connection&, std::string_view cert_id, std::string_view host, std::string_view installation);
void set_violations(sql::Connection&, std::string_view cert_id, std::string_view policy_version,
                    const Json& violations);
/// Active ones: the hook of what replaced a certificate speaks for it.
std::vector<CertificateRow> with_pending_hooks(sql::Connection&, std::string_view host);
/// Who runs an owed hook, and until when nobody else may.
struct HookClaim {
  std::string holder;
  Time at, until;
};
/// `seen`: a row of with_pending_hooks. `is_gone`: tells whether the holder of a running claim has died.
/// @return false: somebody else runs it just now, or has run it since
bool claim_hook(sql::Connection&, const CertificateRow& seen, const HookClaim&,
                const std::function<bool(std::string_view holder)>& is_gone);

/// Denied already: stays as it is.
void deny_key(sql::Connection&, std::string_view public_key_sha256, std::string_view reason, std::string_view cert_id,
              Time at);
bool is_key_denied(sql::Connection&, std::string_view public_key_sha256);
/// The same for a transaction that asks of many: where few are denied, they are read once.
class DeniedKeys {
 public:
  explicit DeniedKeys(sql::Connection& db) : db_(db) {}
  bool contain(std::string_view public_key_sha256);

 private:
  sql::Connection& db_;
  std::optional<std::vector<std::string>> first_;  // in order
};

/// The members of one certificate as every answer shows them (cert_id, name, subject, sans, serial_number, …). The PEM
/// ("certificate") only with WithPem::yes.
enum class WithPem { no, yes };
Json to_json(const CertificateRow&, Time at, WithPem);

}  // namespace inventory
}  // namespace ymgr
