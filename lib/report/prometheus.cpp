#include "report/prometheus.hpp"

#include <cmath>

#include "base/text.hpp"

namespace ymgr::prometheus {
namespace {

using Labels = std::vector<std::pair<std::string_view, std::string_view>>;

constexpr std::size_t piece = 64 * 1024;

/// Samples on their way out, in pieces.
class Samples {
 public:
  explicit Samples(const Write& write) : write_(write) {}

  void begin(std::string_view name, std::string_view help) {
    name_ = name;
    text_ += "# HELP " + name_ + " " + std::string(help) + "\n# TYPE " + name_ + " gauge\n";
  }
  void add(const Labels& labels, const std::string& value) {
    text_ += name_;
    char before = '{';
    for (const auto& [label, text] : labels) {
      (text_ += before).append(label).append("=").append(label_value(text));
      before = ',';
    }
    text_ += (labels.empty() ? " " : "} ") + value + "\n";
    if (text_.size() >= piece) flush();
  }
  void add(const Labels& labels, std::int64_t value) { add(labels, std::to_string(value)); }
  void add(const Labels& labels, Time value) { add(labels, to_seconds(value)); }
  void flush() {
    write_(text_);
    text_.clear();
  }

 private:
  const Write& write_;
  std::string name_, text_;
};

/// Steps of a thousandth, as compliance_percent() has them.
std::string ratio(double percent) {
  const auto thousandths = static_cast<std::int64_t>(std::lround(percent * 10));
  if (thousandths == 1000) return "1";
  const std::string digits = std::to_string(1000 + thousandths);
  return "0." + digits.substr(1);
}

void add_figure(Samples& out, std::string_view name, std::string_view help, std::int64_t value) {
  out.begin(name, help);
  out.add({}, value);
}

void add_counts(Samples& out, const Report& report, const std::vector<NamedCount>& statuses, const Facts& facts) {
  out.begin("ymgr_build_info", "Version of the program that wrote this; always 1.");
  out.add({{"version", facts.program_version}}, 1);
  add_figure(out, "ymgr_metrics_timestamp_seconds", "When this was written.", to_seconds(report.window.at));
  out.begin("ymgr_certificates", "Certificates of the inventory by state: good, due, expired, superseded, revoked.");
  for (const auto& [name, count] : statuses) out.add({{"state", name}}, count);
  add_figure(out, "ymgr_certificates_expiring", "Active certificates that expire in the next 30 days.",
             report.expiring);
  add_figure(out, "ymgr_certificates_offending", "Active certificates against the policy in force.", report.offending);
  out.begin("ymgr_policy_compliance_ratio", "Share of active certificates that keep the policy, never rounded up.");
  out.add({{"policy_version", facts.policy_version}}, ratio(report.compliance_percent()));
  add_figure(out, "ymgr_hooks_pending", "Deploy hooks that failed and are owed.", report.hooks_pending);
  add_figure(out, "ymgr_notices_owed", "Notices that reached nobody yet, by any channel.", report.notices_owed);
  add_figure(out, "ymgr_operations_open", "Operations that wait or were interrupted.", report.operations_open);
}

void add_renewals(Samples& out, const std::vector<Renewal>& renewals) {
  out.begin("ymgr_renewal_stale", "1 when the scheduled renewal of the host has not succeeded for too long.");
  for (const auto& one : renewals) out.add({{"host", one.host}}, one.stale ? 1 : 0);
  out.begin("ymgr_renewal_last_success_timestamp_seconds", "When the scheduled renewal of the host last succeeded.");
  for (const auto& one : renewals)
    if (one.succeeded_at) out.add({{"host", one.host}}, *one.succeeded_at);
  out.begin("ymgr_renewal_last_exit_status", "Exit status of the last scheduled renewal of the host that ended.");
  for (const auto& one : renewals)
    if (one.exit) out.add({{"host", one.host}}, *one.exit);
}

Labels labels_of(const Authority& ca) {
  return {{"ca", ca.name}, {"id", ca.id}, {"kind", ca.kind}, {"status", ca.status}};
}

void add_authorities(Samples& out, const std::vector<Authority>& authorities) {
  out.begin("ymgr_ca_not_after_timestamp_seconds", "Last second of the CA's own certificate.");
  for (const auto& ca : authorities) out.add(labels_of(ca), ca.not_after);
  out.begin("ymgr_crl_next_update_timestamp_seconds", "Until when the newest CRL of the CA holds.");
  for (const auto& ca : authorities)
    if (ca.crl_next_update) out.add(labels_of(ca), *ca.crl_next_update);
}

/// One certificate may have been seen at several places, each of them watched.
void add_tracked(Samples& out, sql::Connection& db, int column) {
  db.run(
      "SELECT name, owner, serial_number, issuer, host, source, expires_at, renew_at FROM tracked_certificates WHERE "
      "status = 'tracked' ORDER BY expires_at, track_id",
      {}, [&](const sql::Row& row) {
        out.add({{"name", row.text(0)},
                 {"owner", row.text(1)},
                 {"serial", row.text(2)},
                 {"ca", row.text(3)},
                 {"host", row.text(4)},
                 {"source", row.text(5)}},
                from_micros(row.integer(column)));
      });
}

/// Serial numbers are unique for each CA, so that no two samples have the same labels.
void add_certificates(Samples& out, sql::Connection& db, std::string_view name, std::string_view help, int column) {
  out.begin(name, help);
  db.run(
      "SELECT name, profile, owner, serial_number, ca_name, COALESCE(host, ''), expires_at, renew_at FROM certificates "
      "WHERE status = 'active' ORDER BY expires_at, cert_id",
      {}, [&](const sql::Row& row) {
        out.add({{"name", row.text(0)},
                 {"profile", row.text(1)},
                 {"owner", row.text(2)},
                 {"serial", row.text(3)},
                 {"ca", row.text(4)},
                 {"host", row.text(5)}},
                from_micros(row.integer(column)));
      });
  add_tracked(out, db, column);
}

}  // namespace

std::string label_value(std::string_view text) {
  std::string out = "\"";
  for (const char c : printable(text)) {
    if (c == '\\' || c == '"') out += '\\';
    out += c;
  }
  return out + "\"";
}

void write_metrics(sql::Connection& db, const Report& report, const std::vector<NamedCount>& statuses,
                   const Facts& facts, const Write& write) {
  Samples out(write);
  add_counts(out, report, statuses, facts);
  add_renewals(out, facts.renewals);
  add_authorities(out, facts.authorities);
  add_certificates(out, db, "ymgr_certificate_not_after_timestamp_seconds", "Last second of the certificate.", 6);
  add_certificates(out, db, "ymgr_certificate_renew_at_timestamp_seconds", "From when the certificate is due.", 7);
  out.flush();
}

}  // namespace ymgr::prometheus
