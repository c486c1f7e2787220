#include "workflow/omitted.hpp"

#include <functional>

#include "base/text.hpp"

namespace ymgr {
namespace {

// The concatenation keeps SQLite from looking at all events of a bulk for each of its certificates: those of a name are few. What is
// contained is looked for with replace(), which both databases have; LIKE would take wildcards from the rows.
constexpr std::string_view unrecorded_certificates =
    "SELECT x.cert_id, x.name, x.issued_by FROM certificates x WHERE x.issued_at > $1 AND NOT EXISTS (SELECT 1 FROM "
    "audit_events a "
    "WHERE a.target = x.name AND a.request_id || '' = x.request_id "
    "AND ((a.event = 'issued' AND replace(a.data, x.fingerprint, '') <> a.data AND replace(a.data, x.cert_id, '') <> "
    "a.data) "
    "OR (a.event = 'reconcile.repaired' AND replace(a.data, x.serial_number, '') <> a.data))) ORDER BY x.cert_id";
constexpr std::string_view unrecorded_revocations =
    "SELECT x.cert_id, x.name FROM certificates x WHERE x.status = 'revoked' AND (x.revoked_at IS NULL OR x.revoked_at "
    "> $1) "
    "AND NOT EXISTS (SELECT 1 FROM audit_events a WHERE a.target = x.cert_id "
    "AND a.event IN ('revoked', 'reconcile.repaired')) "
    "AND NOT EXISTS (SELECT 1 FROM audit_events a WHERE a.target = x.name AND a.event = 'issued' "
    "AND replace(a.data, x.fingerprint, '') <> a.data AND replace(a.data, '\"revoked\":', '') <> a.data) "
    "AND NOT EXISTS (SELECT 1 FROM audit_events a WHERE a.target = x.name AND a.event = 'key_lost') "
    "ORDER BY x.cert_id";
constexpr std::string_view unrecorded_operations =
    "SELECT o.request_id, o.kind, o.target, o.actor FROM operations o WHERE o.created_at > $1 AND NOT EXISTS (SELECT 1 "
    "FROM audit_events a "
    "WHERE a.request_id = o.request_id) ORDER BY o.request_id";
constexpr std::string_view unrecorded_devices =
    "SELECT d.serial, d.owner FROM devices d WHERE d.created_at > $1 AND NOT EXISTS (SELECT 1 FROM audit_events a "
    "WHERE a.target = d.serial) "
    "ORDER BY d.serial";

using Tell = std::function<Omitted(const sql::Row&)>;

class Omissions {
 public:
  Omissions(sql::Connection& db, std::size_t at_most)
      : db_(db), at_most_(at_most), since_(to_micros(arrival_of_profile(db, "audit.imported").value_or(Time::min()))) {}

  void look(std::string_view query, const Tell& tell) {
    std::vector<Omitted> of_it;
    db_.run(query, {since_}, [&](const sql::Row& row) { of_it.push_back(tell(row)); });
    add(std::move(of_it));
  }

  /// Whose slot another certificate took by --force was revoked with that one: its event names them.
  void look_at_revocations() {
    std::vector<Omitted> of_it;
    db_.run(unrecorded_revocations, {since_}, [&](const sql::Row& row) {
      of_it.push_back({std::string(row.text(0)), "the certificate of " + printable(row.text(1)) +
                                                     " is marked as revoked, of which the audit trail has nothing"});
    });
    if (of_it.empty()) return;
    db_.run("SELECT data FROM audit_events WHERE event = 'displaced'", {}, [&](const sql::Row& row) {
      std::erase_if(of_it, [&](const Omitted& one) { return row.text(0).find(one.subject) != std::string_view::npos; });
    });
    add(std::move(of_it));
  }

  std::vector<Omitted> take() { return std::move(found_); }

 private:
  void add(std::vector<Omitted> more) {
    const auto left_out = more.size() > at_most_ ? more.size() - at_most_ : 0;
    more.resize(more.size() - left_out);
    for (auto& one : more) found_.push_back(std::move(one));
    if (left_out > 0) found_.back().message += " (and " + std::to_string(left_out) + " more)";
  }

  sql::Connection& db_;
  std::size_t at_most_;
  std::int64_t since_;  // what was before stands in a file
  std::vector<Omitted> found_;
};

std::string text(const sql::Row& row, int column) {
  return printable(row.text(column));
}

}  // namespace

bool sees_whole_trail(sql::Connection& db) {
  bool whole = false;
  db.run("SELECT count(*), max(seq) FROM audit_events", {},
         [&](const sql::Row& row) { whole = row.integer(0) > 0 && row.integer(0) == row.integer(1); });
  return whole;
}

std::optional<Time> arrival_of_profile(sql::Connection& db, std::string_view event) {
  std::optional<Time> at;
  db.run(
      "SELECT max(a.at) FROM audit_events a WHERE a.event = $1 AND (a.actor LIKE 'role:%' OR a.actor IN "
      "(SELECT name FROM users WHERE role = 'admin'))",
      {event}, [&](const sql::Row& row) {
        if (!row.is_null(0)) at = from_micros(row.integer(0));
      });
  return at;
}

std::vector<Omitted> omitted_records(sql::Connection& db, std::size_t at_most) {
  Omissions omissions(db, at_most);
  omissions.look(unrecorded_certificates, [](const sql::Row& row) {
    return Omitted{std::string(row.text(0)), "the audit trail has nothing of the certificate of " + text(row, 1) +
                                                 ", entered in the name of " + text(row, 2)};
  });
  omissions.look_at_revocations();
  omissions.look(unrecorded_operations, [](const sql::Row& row) {
    return Omitted{std::string(row.text(0)), "the audit trail has nothing of the operation: " + text(row, 1) + " of " +
                                                 text(row, 2) + ", in the name of " + text(row, 3)};
  });
  omissions.look(unrecorded_devices, [](const sql::Row& row) {
    return Omitted{std::string(row.text(0)), "the audit trail has nothing of the YubiKey of " + text(row, 1)};
  });
  return omissions.take();
}

}  // namespace ymgr
