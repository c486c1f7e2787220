#include "inventory/row.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "base/error.hpp"
#include "base/text.hpp"

namespace ymgr {
namespace {

struct StatusName {
  CertificateStatus status;
  std::string_view text;
};
constexpr std::array status_names{StatusName{CertificateStatus::active, "active"},
                                  StatusName{CertificateStatus::superseded, "superseded"},
                                  StatusName{CertificateStatus::revoked, "revoked"}};

CertificateStatus parse_status(std::string_view text) {
  for (const auto& name : status_names) {
    if (name.text == text) return name.status;
  }
  throw Error(Code::database_corrupt, "a certificate has the unknown status " + std::string(text));
}

/// Reads a row column by column.
class Reader {
 public:
  explicit Reader(const sql::Row& row) : row_(row) {}
  std::string text() { return std::string(row_.text(column_++)); }
  std::vector<San> sans() { return inventory::read_sans(row_.text(column_++)); }
  Time time() { return from_micros(row_.integer(column_++)); }
  std::optional<Time> time_or_none() {
    const bool none = row_.is_null(column_);
    const Time at = time();
    return none ? std::nullopt : std::optional(at);
  }
  Json json() {
    const auto text = row_.text(column_++);
    return text.empty() ? Json() : parse_json(text);
  }

 private:
  const sql::Row& row_;
  int column_ = 0;
};

/// What stands in the inventory is shown, whatever the rules for new names have become.
San read_san(std::string_view text) {
  for (const SanKind kind : san_kinds) {
    const auto prefix = to_string(kind);
    if (text.starts_with(prefix) && text.substr(prefix.size(), 1) == ":") {
      return {kind, std::string(text.substr(prefix.size() + 1))};
    }
  }
  throw Error(Code::database_corrupt, "a certificate has a name of unknown kind: " + printable(text));
}

std::map<std::string, std::string> read_labels(const Json& json) {
  std::map<std::string, std::string> labels;
  for (const auto& [name, value] : json.members()) labels.emplace(name, value.text());
  return labels;
}

}  // namespace

std::string_view to_string(CertificateStatus status) noexcept {
  return std::find_if(status_names.begin(), status_names.end(), [&](const auto& n) { return n.status == status; })
      ->text;
}

namespace inventory {

std::vector<San> read_sans(std::string_view json) {
  std::vector<San> sans;
  const Json list = parse_json(json);
  for (const auto& item : list.items()) sans.push_back(read_san(item.text()));
  return sans;
}

CertificateRow read_row(const sql::Row& source) {
  Reader in(source);
  CertificateRow row;
  row.cert_id = in.text();
  row.name = in.text();
  row.subject = in.text();
  row.sans = in.sans();
  row.serial = in.text();
  row.issuer = in.text();
  row.ca_name = in.text();
  row.key_reference = in.text();
  row.key_algorithm = in.text();
  row.public_key_sha256 = in.text();
  row.key_created_at = in.time();
  row.profile = in.text();
  row.owner = in.text();
  row.labels = read_labels(in.json());
  row.policy_version = in.text();
  row.violations = in.json();
  row.status = parse_status(in.text());
  row.issued_at = in.time();
  row.not_before = in.time();
  row.expires_at = in.time();
  row.renew_before = in.text();
  row.renew_at = in.time();
  row.renewed_from = in.text();
  row.revoked_at = in.time_or_none();
  row.revocation_reason = in.text();
  row.invalidity_at = in.time_or_none();
  row.fingerprint = in.text();
  row.pem = in.text();
  row.csr = in.text();
  row.host = in.text();
  row.installation = in.text();
  row.hook_state = in.text();
  row.hook_message = in.text();
  row.hook_at = in.time_or_none();
  row.request_id = in.text();
  row.issued_by = in.text();
  row.device = in.text();
  row.slot = in.text();
  row.attestation = in.text();
  return row;
}

}  // namespace inventory
}  // namespace ymgr
