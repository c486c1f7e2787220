#include "workflow/explain.hpp"

#include <algorithm>

#include "base/ids.hpp"
#include "base/text.hpp"
#include "keys/key_store.hpp"
#include "workflow/heartbeat.hpp"
#include "workflow/renew.hpp"

namespace ymgr {
namespace {

/// What an explanation is made from.
struct Case {
  sql::Connection& db;
  const Policy& policy;
  const CertificateRow& row;
  const HostPlace& here;
  Time at;
  Explanation& told;

  void because(std::string sentence) { told.because.push_back(std::move(sentence)); }
  bool is_installed_here() const { return !row.installation.empty() && row.host == here.host; }
  bool is_recent() const { return !row.renewed_from.empty() && row.issued_at + min_interval(policy, row) > at; }
  const ProfileRules* rules() const {
    const auto found = policy.profiles().find(row.profile);
    return found == policy.profiles().end() ? nullptr : &found->second;
  }
};

std::string when(Time time, Time at) {
  return format_time(time) + " (" + describe_distance(at, time) + ")";
}

std::string threshold_of(const CertificateRow& row) {
  if (row.renew_before.empty()) {
    return format_duration(std::chrono::floor<std::chrono::hours>(row.expires_at - row.renew_at)) +
           " left, the default for its life of " +
           format_duration(std::chrono::ceil<std::chrono::hours>(row.expires_at - row.not_before));
  }
  return row.renew_before + (row.renew_before.ends_with('%') ? " of its life left" : " left");
}

void tell_origin(Case& c) {
  const auto& row = c.row;
  const std::string from = row.renewed_from.empty() ? "" : ", renewed from " + row.renewed_from;
  c.because("issued on " + format_time(row.issued_at) + " by " + row.issued_by + " as " + row.profile +
            " under policy " + row.policy_version + from);
}

/// A bulk does not come back at one moment.
void tell_jitter(Case& c) {
  const auto later = std::chrono::floor<std::chrono::minutes>(jitter_of(c.here.host, c.row, usual_jitter));
  if (later > Duration{})
    c.because("a run that nobody watches takes it " + format_duration(later) + " later, on " +
              format_time(c.row.renew_at + later));
}

void tell_times(Case& c) {
  const auto& row = c.row;
  if (row.status != CertificateStatus::active) {
    for (const auto& reason : c.told.check.reasons) c.because(reason);
    return;
  }
  c.because("it is due when " + c.told.threshold + ": " + when(row.renew_at, c.at));
  if (c.told.renewed_by_due) tell_jitter(c);
  if (row.renew_at > c.at) c.because("not due yet by its dates, so nothing renews it");
  if (row.expires_at < c.at) c.because("expired on " + when(row.expires_at, c.at));
}

std::string home_of_key(const CertificateRow& row) {
  switch (place_of(row.key_reference)) {
    case KeyPlace::sealed: return "its key lives in this profile";
    case KeyPlace::transit: return "its key lives in Vault";
    case KeyPlace::card: return "its key lives in a YubiKey";
    case KeyPlace::file: return "its key lives in a file";
    case KeyPlace::external: return "its key is with whoever made the request";
  }
  return {};
}

void tell_installation(Case& c) {
  const auto& row = c.row;
  if (row.installation.empty()) {
    c.because("installed on no host: " + home_of_key(row) + ", and `ymgr renew --due` takes it");
  } else if (row.host != c.here.host) {
    c.because("installed on host " + row.host + ": `ymgr renew --due` renews it there");
  } else if (!c.told.check.place) {
    c.because("installed on this host, but its installation file in " + c.here.installations + " is gone");
  } else {
    const auto& place = *c.told.check.place;
    c.because("installed on this host in " + (place.out.empty() ? place.pkcs12 : place.out));
    if (!c.told.check.fault.empty()) c.because("installed files differ from the inventory: " + c.told.check.fault);
  }
  if (row.hook_state == "pending")
    c.because("its deploy hook is still owed" + (row.hook_message.empty() ? "" : ": " + row.hook_message));
  if (row.hook_state == "ok" && row.hook_at) c.because("its deploy hook ran on " + when(*row.hook_at, c.at));
}

/// Only a certificate that scheduled runs take hangs on them.
void tell_last_run(Case& c) {
  const auto& row = c.row;
  const std::string& host = row.host.empty() ? c.here.host : row.host;
  const auto beat = heartbeat::of_host(c.db, host);
  if (beat.started_at || !row.host.empty()) c.because(beat.describe(c.at));
}

void tell_key(Case& c) {
  const auto& row = c.row;
  const auto* rules = c.rules();
  if (inventory::is_key_denied(c.db, row.public_key_sha256)) c.because("its key is denied: a renewal makes a new one");
  if (!rules) {
    c.because("policy " + c.policy.version() + " has no profile " + row.profile + " any more: a renewal fails");
    return;
  }
  if (rules->max_key_age && row.key_created_at + *rules->max_key_age < c.at)
    c.because("its key is older than the policy's " + format_duration(*rules->max_key_age) +
              ": a renewal makes a new one");
  if (!rules->key_reuse && !row.csr.empty()) c.because("its key is somebody else's and may not be used again");
}

void tell_violations(Case& c) {
  if (!c.row.violations.is_array()) return;
  for (const auto& violation : c.row.violations.items())
    c.because("offends policy " + c.row.policy_version + ": " + violation.text_or("message", ""));
}

void tell_operation(Case& c) {
  for (const std::string_view kind : {"issue", "renew", "revoke"}) {
    auto open = operations::find_open(c.db, kind, c.row.name);
    if (!open) continue;
    c.because("operation " + open->request_id + " (" + open->kind + " by " + open->actor + ") is " + open->state +
              " since " + when(open->created_at, c.at));
    c.told.operation = std::move(open);
  }
  if (c.row.status == CertificateStatus::active && c.is_recent())
    c.because("renewed less than " + format_duration(min_interval(c.policy, c.row)) +
              " ago: another renewal needs --force");
}

/// What a command finds this one by, and no other.
std::string handle_of(const Case& c) {
  const auto rows = inventory::by_name(c.db, c.row.name);
  const auto is_active = [&](const CertificateRow& row) {
    return row.status == CertificateStatus::active && row.expires_at >= c.at;
  };
  return shell_quote(std::ranges::count_if(rows, is_active) > 1 ? c.row.cert_id : c.row.name);
}

std::string step_for_active(const Case& c) {
  const auto& row = c.row;
  const std::string name = handle_of(c);
  if (!row.csr.empty() && c.rules() && !c.rules()->key_reuse && row.renew_at <= c.at)
    return "ymgr renew " + name + " --csr FILE";
  if (row.hook_state == "pending" && c.is_installed_here()) return "ymgr renew --due tries the hook again";
  if (c.is_installed_here() && !c.told.check.place)
    return "write the installation file again, or ymgr issue " + shell_quote(row.name) + " --ensure --out DIR";
  if (row.renew_at <= c.at) {
    if (c.told.renewed_by_due) return c.is_recent() ? "ymgr renew " + name + " --force" : "ymgr renew --due";
    return row.installation.empty() ? "ymgr renew " + name : "ymgr renew --due on host " + row.host;
  }
  if (c.told.check.health != Health::good) return "ymgr renew " + name + " --force";
  return c.told.renewed_by_due ? "none: `ymgr renew --due` renews it from " + format_time(row.renew_at)
                               : "none before " + format_time(row.renew_at) + ", then ymgr renew " + name;
}

std::string next_step(const Case& c) {
  if (c.told.operation) return "ymgr resume " + shell_quote(resume_id(c.told.operation->request_id));
  if (c.row.status == CertificateStatus::superseded) return "none: use its successor";
  if (c.row.status == CertificateStatus::revoked)
    return c.row.revocation_reason == "certificateHold" ? "ymgr revoke " + c.row.cert_id + " --unhold"
                                                        : "ymgr issue " + shell_quote(c.row.name);
  return step_for_active(c);
}

}  // namespace

Duration min_interval(const Policy& policy, const CertificateRow& row) {
  return std::min(policy.min_renew_interval(), Duration((row.expires_at - row.not_before) / 4));
}

Explanation explain_certificate(sql::Connection& db, const Policy& policy, const CertificateRow& row,
                                const HostPlace& here, Time at, std::int64_t limit) {
  Explanation told;
  told.check = check_certificate(db, row, std::nullopt, here, at);
  told.threshold = threshold_of(row);
  Case c{db, policy, row, here, at, told};
  const bool in_reach = row.installation.empty() || (c.is_installed_here() && told.check.place);
  told.renewed_by_due =
      row.status == CertificateStatus::active && in_reach && (row.csr.empty() || (c.rules() && c.rules()->key_reuse));
  tell_origin(c);
  tell_times(c);
  if (row.status == CertificateStatus::active) {
    tell_installation(c);
    tell_last_run(c);
    tell_key(c);
    tell_violations(c);
  }
  tell_operation(c);
  told.next_step = next_step(c);
  audit::Query query;
  query.target = row.name;
  query.limit = -limit;
  told.events = audit::list(db, query);
  told.timeline = timeline(db, row, told.events, at);
  return told;
}

}  // namespace ymgr
