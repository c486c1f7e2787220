#include "workflow/measure_policy.hpp"

#include "base/failpoint.hpp"
#include "base/interrupt.hpp"
#include "sql/settings.hpp"

namespace ymgr {
namespace {

constexpr std::int64_t group_size = 1000;
/// The last cert_id that was measured; "" before the first.
constexpr std::string_view measured_setting = "policy.measured";
constexpr std::string_view all_measured = "all";

PolicyRequest request_of(sql::Connection& db, const CertificateRow& row) {
  PolicyRequest request;
  request.name = row.name;
  request.profile = row.profile;
  request.role = "admin";
  request.owner = row.owner;
  request.algorithm = row.key_algorithm;
  request.public_key_sha256 = row.public_key_sha256;
  request.key_denied = inventory::is_key_denied(db, row.public_key_sha256);
  request.sans = row.sans;
  request.common_name = row.name.size() <= 64 ? row.name : std::string();
  request.validity = row.expires_at - row.not_before + std::chrono::seconds(1);
  return request;
}

Decision decision_on(sql::Connection& db, const Policy& policy, const CertificateRow& row) {
  if (policy.profiles().contains(row.profile)) return policy.decide(request_of(db, row), row.issued_at);
  return {policy.version(), {profile_gone(row.profile)}};
}

/// Whether its compliance counts, now or after its hold.
bool is_measured(const CertificateRow& row) {
  return row.status == CertificateStatus::active || row.revocation_reason == to_string(Reason::certificate_hold);
}

std::string measured(sql::Connection& db) {
  return sql::read_setting(db, measured_setting).value_or(std::string(all_measured));
}

/// @return where it stopped; all_measured: at the end
std::string measure_group(sql::Connection& db, const Policy& policy, const std::string& after) {
  std::vector<CertificateRow> rows;
  inventory::page(db, after, group_size, [&](const CertificateRow& row) { rows.push_back(row); });
  for (const auto& row : rows)
    if (is_measured(row)) inventory::set_violations(db, row.cert_id, policy.version(), violations_of(db, policy, row));
  return rows.size() < static_cast<std::size_t>(group_size) ? std::string(all_measured) : rows.back().cert_id;
}

}  // namespace

Violation profile_gone(const std::string& profile) {
  return {"profile",
          profile,
          "a profile of the policy",
          "Profile " + profile + " does not exist any more",
          "Issue it again under another profile",
          "--profile"};
}

Json violations_of(sql::Connection& db, const Policy& policy, const CertificateRow& row) {
  auto violations = decision_on(db, policy, row).violations;
  std::erase_if(violations, [](const Violation& violation) { return violation.rule == "roles"; });
  return violations.empty() ? Json() : to_json(violations);
}

void begin_measuring(sql::Connection& db, Time at) {
  sql::write_setting(db, measured_setting, "", at);
}

bool is_measuring(sql::Connection& db) {
  return measured(db) != all_measured;
}

void measure_policy(sql::Connection& db, const Policy& policy, Notices& notices) {
  std::size_t done = 0, total = 0;
  db.run("SELECT count(*) FROM certificates", {},
         [&](const sql::Row& row) { total = static_cast<std::size_t>(row.integer(0)); });
  for (bool ended = false; !ended;) {
    throw_if_interrupted();
    failpoint("policy_measured", "before");
    db.transaction(sql::Access::write, [&] {
      const std::string after = measured(db);
      ended = after == all_measured || sql::read_setting(db, "policy.version") != policy.version();
      if (ended) return;
      const std::string last = measure_group(db, policy, after);
      sql::write_setting(db, measured_setting, last, now());
      ended = last == all_measured;
    });
    notices.progress(std::min(total, done += static_cast<std::size_t>(group_size)), total);
  }
}

}  // namespace ymgr
