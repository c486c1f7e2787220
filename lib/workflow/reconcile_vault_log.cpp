// What Vault says it was asked to do, against what the audit trail says was done.
#include <algorithm>
#include <map>
#include <set>

#include "base/error.hpp"
#include "base/text.hpp"
#include "vault/audit_log.hpp"
#include "workflow/omitted.hpp"
#include "workflow/reconciliation.hpp"
#include "workflow/team_people.hpp"

namespace ymgr::reconciling {
namespace {

using vault::AuditEntry;

constexpr std::size_t told_at_most = 1000, remembered_at_most = 10'000;
constexpr Duration clocks = std::chrono::seconds(60);        // that servers may differ by
constexpr Duration an_operation = std::chrono::minutes(15);  // that a step may take after the last record

/// What of the path follows the mount; nullopt: it is another's.
std::optional<std::string_view> below(std::string_view path, std::string_view mount) {
  if (mount.empty() || path.size() <= mount.size() || !path.starts_with(mount) || path[mount.size()] != '/')
    return std::nullopt;
  return path.substr(mount.size() + 1);
}

std::string_view deed_at_ca(std::string_view path) {
  if (path.starts_with("issuer/")) path.remove_prefix(std::min(path.size(), path.find('/', 7) + 1));
  if (path == "revoke" || path == "revoke-with-key") return "revoked a certificate";
  const auto verb = path.substr(0, path.find('/'));
  const bool signs = verb.starts_with("sign") || verb == "issue" || path.starts_with("root/sign-");
  return signs ? "signed a certificate" : "";
}

std::string_view deed_with_key(std::string_view path, std::string_view operation, const VaultLog& log) {
  if (path.starts_with("restore")) return "brought back a key";
  if (!path.starts_with("keys/")) return "";
  const auto rest = path.substr(5);
  const auto slash = rest.find('/');
  if (slash == std::string_view::npos && operation == "delete") return "destroyed a key";
  if (slash == std::string_view::npos) return rest == log.audit_key ? "" : "made a key";
  const auto what = rest.substr(slash + 1);
  return what == "csr" ? "" : "changed a key";
}

/// data/SERIAL/pin, destroy/SERIAL/secrets and so on: of a YubiKey.
std::string_view deed_with_secret(std::string_view path, std::string_view operation) {
  if (std::ranges::count(path, '/') != 2) return "";
  const auto kind = path.substr(0, path.find('/'));
  if (kind == "data" && operation != "delete") return "wrote a secret";
  if (kind == "data" || kind == "delete" || kind == "destroy") return "destroyed a secret";
  return kind == "metadata" || kind == "undelete" ? "changed a secret" : "";
}

/// What an operation must stand behind, in words; empty: nothing that concerns us.
std::string_view deed_of(const AuditEntry& entry, const VaultLog& log) {
  if (entry.name_space != log.name_space) return "";
  if (const auto path = below(entry.path, log.pki)) return deed_at_ca(*path);
  if (const auto path = below(entry.path, log.transit)) return deed_with_key(*path, entry.operation, log);
  if (const auto path = below(entry.path, log.kv)) return deed_with_secret(*path, entry.operation);
  return "";
}

/// What the database knows of an operation's id.
struct Span {
  bool known = false;
  Time from{}, to{};
};

class LogComparison {
 public:
  LogComparison(Reconciliation& run, const VaultLog& log) : run_(run), log_(log), db_(run.bench.db) {}

  void compare() {
    const auto summary = vault::read_audit_log(log_.file, [&](const AuditEntry& entry) { take(entry); });
    tell_of_file(summary);
    for (auto& [entry, deed] : nameless_)
      if (summary.names_operations || !has_own_operation(entry)) tell(entry, deed, "no operation of ymgr is named");
    if (told_ > told_at_most)
      run_.report("vault_unrecorded", log_.file,
                  std::to_string(told_ - told_at_most) + " more requests without an operation", advice);
    if (!summary.first || !summary.names_operations) return;
    // What a profile did before it moved here was not done in Vault.
    const auto first = std::max(*summary.first, arrival_of_profile(db_, "profile.migrated").value_or(*summary.first));
    look_for_signatures(first, *summary.last);
    look_for_revocations(first, *summary.last);
  }

 private:
  void take(const AuditEntry& entry) {
    const auto deed = deed_of(entry, log_);
    if (deed.empty()) return;
    ++run_.answer.vault_requests;
    if (deed.starts_with("signed")) ++signed_[entry.ymgr_operation];
    if (deed.starts_with("revoked")) revoked_at_.insert(entry.at);
    if (entry.ymgr_operation.empty()) {
      if (is_recorded(entry)) return;
      if (nameless_.size() < remembered_at_most)
        nameless_.emplace_back(entry, deed);
      else
        ++told_;
      return;
    }
    if (const auto why = fault_of(entry); !why.empty()) tell(entry, deed, why);
  }

  /// A certificate whose serial number the server does not hash.
  bool is_recorded(const AuditEntry& entry) {
    bool there = false;
    if (!entry.serial.empty())
      db_.run("SELECT 1 FROM certificates WHERE serial_number = $1", {entry.serial},
              [&](const sql::Row&) { there = true; });
    return there;
  }

  /// Why the operation that is named can't have been it; empty: it was.
  std::string fault_of(const AuditEntry& entry) {
    const auto& id = entry.ymgr_operation;
    const auto span = span_of(id);
    if (!span.known) return "nobody knows the operation " + id;
    if (entry.at < span.from - clocks || entry.at > span.to + an_operation)
      return "it names the operation " + id + ", which was at another time";
    const auto user = user_of(entry.entity_id);
    if (user.empty()) return "it names the operation " + id + ", but ymgr does not know who that is";
    return took_part(id, user) ? "" : "it names the operation " + id + ", in which " + user + " has no part";
  }

  Span span_of(const std::string& id) {
    if (spans_.size() > remembered_at_most) spans_.clear();
    const auto [place, is_new] = spans_.try_emplace(id);
    if (!is_new) return place->second;
    auto& span = place->second;
    const auto widen = [&](const sql::Row& row) {
      if (row.is_null(0)) return;
      const Time from = from_micros(row.integer(0)), to = from_micros(row.integer(1));
      span.from = span.known ? std::min(span.from, from) : from;
      span.to = span.known ? std::max(span.to, to) : to;
      span.known = true;
    };
    db_.run("SELECT min(at), max(at) FROM audit_events WHERE request_id = $1", {id}, widen);
    db_.run("SELECT created_at, updated_at FROM operations WHERE request_id = $1", {id}, widen);
    return span;
  }

  const std::string& user_of(const std::string& entity) {
    const auto [place, is_new] = users_.try_emplace(entity);
    if (is_new && !entity.empty()) place->second = team::person_of_entity(db_, entity);
    return place->second;
  }

  bool took_part(const std::string& id, const std::string& user) {
    bool there = false;
    db_.run("SELECT 1 FROM audit_events WHERE request_id = $1 AND actor = $2 LIMIT 1", {id, user},
            [&](const sql::Row&) { there = true; });
    return there;
  }

  /// Where the server does not note who names what: something that this person did at that time.
  bool has_own_operation(const AuditEntry& entry) {
    bool there = false;
    const auto user = user_of(entry.entity_id);
    db_.run("SELECT 1 FROM audit_events WHERE actor = $1 AND request_id <> '' AND at >= $2 AND at <= $3 LIMIT 1",
            {user, to_micros(entry.at - clocks), to_micros(entry.at + an_operation)},
            [&](const sql::Row&) { there = !user.empty(); });
    return there;
  }

  void tell(const AuditEntry& entry, std::string_view deed, const std::string& why) {
    if (++told_ > told_at_most) return;
    const auto user = user_of(entry.entity_id);
    const auto who = user.empty() ? "somebody" : user;
    run_.report("vault_unrecorded", entry.request_id,
                who + " (" + (entry.display_name.empty() ? "no name" : entry.display_name) + ", entity " +
                    (entry.entity_id.empty() ? "none" : entry.entity_id) + ") " + std::string(deed) + " at " +
                    format_time(entry.at) + " from " + entry.remote_address + " by " + entry.operation + " of " +
                    entry.path + ": " + why,
                advice);
  }

  void tell_of_file(const vault::AuditLogSummary& summary) {
    if (summary.damaged > 0)
      run_.report("vault_log_damaged", log_.file,
                  std::to_string(summary.damaged) + " lines of Vault's log can't be read, line " +
                      std::to_string(summary.first_damaged) + " first",
                  "compare with another copy of it: what stands there was not looked at");
    if (summary.is_cut)
      run_.note("vault_log_cut", log_.file, "the last line of Vault's log ends in the middle and was not looked at");
    if (!summary.names_operations)
      run_.note("vault_log_nameless", log_.file,
                "Vault's log names no operation, so time and person alone are compared: an admin has it noted with "
                "sys/config/auditing/request-headers/X-Ymgr-Op");
  }

  /// Operations that began and ended while the log was written.
  void look_for_signatures(Time first, Time last) {
    db_.run(
        "SELECT a.request_id, count(*) FROM audit_events a JOIN operations o ON o.request_id = a.request_id "
        "WHERE a.event = 'issued' AND o.created_at >= $1 AND a.at <= $2 GROUP BY a.request_id ORDER BY a.request_id",
        {to_micros(first + clocks), to_micros(last - clocks)}, [&](const sql::Row& row) {
          const std::string id(row.text(0));
          const auto place = signed_.find(id);
          const auto there = place == signed_.end() ? 0 : place->second;
          if (there < row.integer(1))
            run_.report("vault_unlogged", id,
                        "the audit trail has " + std::to_string(row.integer(1)) +
                            " certificates of this operation, Vault's log " + std::to_string(there),
                        "who can write to the log, or sign without Vault?");
        });
  }

  void look_for_revocations(Time first, Time last) {
    db_.run(
        "SELECT a.request_id, a.target, a.at FROM audit_events a JOIN certificates x ON x.cert_id = a.target "
        "WHERE a.event = 'revoked' AND a.at >= $1 AND a.at <= $2 AND x.expires_at > a.at + $3 "
        "AND replace(a.data, '\"already_revoked\":true', '') = a.data ORDER BY a.seq",
        {to_micros(first + clocks), to_micros(last - an_operation), to_micros(Time{} + an_operation)},
        [&](const sql::Row& row) {
          const Time at = from_micros(row.integer(2));
          const auto next = revoked_at_.lower_bound(at - clocks);
          if (next == revoked_at_.end() || *next > at + an_operation)
            run_.report("vault_unlogged", std::string(row.text(1)),
                        "the audit trail has a revocation in " + std::string(row.text(0)) + " at " + format_time(at) +
                            ", Vault's log has none at that time",
                        "who can write to the log?");
        });
  }

  static constexpr auto advice =
      "ask them; whoever went past ymgr may have left more: Vault's log has all requests of that entity";

  Reconciliation& run_;
  const VaultLog& log_;
  sql::Connection& db_;
  std::map<std::string, Span> spans_;
  std::map<std::string, std::string> users_;
  std::map<std::string, std::int64_t> signed_;
  std::multiset<Time> revoked_at_;
  std::vector<std::pair<AuditEntry, std::string_view>> nameless_;
  std::size_t told_ = 0;
};

}  // namespace

void compare_vault_log(Reconciliation& run) {
  if (run.options.vault_log) LogComparison(run, *run.options.vault_log).compare();
}

}  // namespace ymgr::reconciling
