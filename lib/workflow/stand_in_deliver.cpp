// What was done while the database was away, brought into it.
#include <algorithm>
#include <functional>
#include <set>

#include "base/crypto.hpp"
#include "base/failpoint.hpp"
#include "base/text.hpp"
#include "sql/settings.hpp"
#include "workflow/genuine.hpp"
#include "workflow/migrate_tables.hpp"
#include "workflow/operation.hpp"
#include "workflow/revoke.hpp"
#include "workflow/stand_in.hpp"
#include "workflow/stand_in_collisions.hpp"
#include "workflow/stand_in_file.hpp"

namespace ymgr::stand_in {
namespace {

constexpr std::string_view delivered = "stand_in.delivered";
constexpr std::string_view of_it = " WHERE request_id IN (SELECT request_id FROM operations)";

struct Source {
  sql::Connection& db;
  std::string path, id;
  Time noted_at;
  std::vector<CertificateRow> noted, made_here;
};

std::vector<CertificateRow> certificates(sql::Connection& db, bool made_here) {
  std::vector<std::string> ids;
  db.run("SELECT cert_id, request_id IN (SELECT request_id FROM operations) FROM certificates ORDER BY cert_id", {},
         [&](const sql::Row& row) {
           if ((row.integer(1) != 0) == made_here) ids.emplace_back(row.text(0));
         });
  std::vector<CertificateRow> rows;
  for (const auto& id : ids) rows.push_back(*inventory::by_id(db, id));
  return rows;
}

/// The trail is chained by triggers of the file: who changes rows afterwards has to make all of it anew.
void check_trail(const Source& from) {
  const auto verified = audit::verify(from.db, "", audit::HeadSignature::may_lack);
  if (!verified.findings.empty()) refuse(from.path, "audit row " + verified.findings.front().message);
}

void check_operations(const Source& from, const std::string& actor) {
  from.db.run("SELECT request_id, kind, actor, inputs, inputs_sha256 FROM operations", {}, [&](const sql::Row& row) {
    const std::string id(row.text(0)), kind(row.text(1));
    if (kind != "renew" && kind != "revoke") refuse(from.path, id + " is of kind " + printable(kind));
    if (row.text(2) != actor) refuse(from.path, id + " is somebody else's");
    if (hex(sha256(canonical_json(parse_json(row.text(3))))) != row.text(4))
      refuse(from.path, "the inputs of " + id + " were changed");
    if (audit::list(from.db, {.request_id = id, .limit = 1}).empty()) refuse(from.path, id + " has no audit event");
  });
}

/// A new certificate is one that a CA of ours signed, and the renewal of one that the database knows under that name.
void check_certificate(Workbench& bench, const Source& from, const CertificateRow& row) {
  try {
    require_genuine(bench, row);
  } catch (const Error& error) {
    if (error.code() != Code::certificate_state) throw;
    refuse(from.path, error.what());
  }
  auto before = inventory::by_id(bench.db, row.renewed_from);
  if (!before) before = inventory::by_id(from.db, row.renewed_from);  // renewed twice meanwhile: looked at by itself
  if (!before || before->name != row.name || before->owner != row.owner || before->profile != row.profile ||
      before->labels != row.labels || before->installation != row.installation || before->host != row.host)
    refuse(from.path, row.cert_id + " is not the renewal of a certificate that the database has");
  if (row.issued_by != bench.session.identity().user) refuse(from.path, row.cert_id + " was issued by somebody else");
  const auto told = audit::list(from.db, {.request_id = row.request_id, .event = "issued", .target = row.name});
  const auto fits = [&](const audit::Row& event) { return event.data.find(row.fingerprint) != std::string::npos; };
  if (std::ranges::none_of(told, fits)) refuse(from.path, row.cert_id + " has no audit event");
}

/// Reads the certificates once the trail bears them out.
void check(Workbench& bench, Source& from) {
  check_trail(from);
  check_operations(from, bench.session.identity().user);
  from.noted = certificates(from.db, false);
  from.made_here = certificates(from.db, true);
  for (const auto& row : from.made_here) check_certificate(bench, from, row);
}

using Rows = std::vector<migrate::Pair>;

/// Some may be there already: `reconcile` found what the CA signed, or it is the same request id.
void insert_new(Workbench& bench, const migrate::Table& table, Rows& rows) {
  migrate::look_up(table, bench.db, rows);
  migrate::insert_missing(table, bench.db, rows);
}

void insert(Workbench& bench, const Source& from, std::string_view name, std::string_view condition,
            const std::function<void(const migrate::Table&, Rows&)>& adapt = {}) {
  const auto& table = migrate::table_named(name);
  auto rows = migrate::rows_of(table, from.db, condition, {});
  if (adapt) adapt(table, rows);
  insert_new(bench, table, rows);
}

bool is_open(const migrate::Table& table, const migrate::Pair& row, std::string_view column) {
  const auto state = migrate::text_at(table, row.here, column);
  return state == "open" || state == "waiting";
}

/// Whom the database lets record revocations: of what was tried without that right the audit trail tells.
bool may_revoke(sql::Connection& db) {
  bool yes = false;
  db.run("SELECT CASE WHEN has_table_privilege('ymgr.ca_revocations', 'INSERT') THEN 1 ELSE 0 END", {},
         [&](const sql::Row& row) { yes = row.integer(0) != 0; });
  return yes;
}

/// Made here of what was revoked meanwhile, or with a key that was denied: nobody wants them any more.
struct Unwanted {
  CertificateRow row;
  Reason reason;
};

/// The certificate of the database that all this comes from.
std::optional<CertificateRow> origin_of(Workbench& bench, const Source& from, const CertificateRow& row) {
  std::set<std::string> seen;
  for (std::string id = row.renewed_from; seen.insert(id).second;) {
    if (auto known = inventory::by_id(bench.db, id)) return known;
    const auto made_here = inventory::by_id(from.db, id);
    if (!made_here) break;
    id = made_here->renewed_from;
  }
  return std::nullopt;
}

std::vector<Unwanted> unwanted_ones(Workbench& bench, const Source& from) {
  std::vector<Unwanted> unwanted;
  inventory::DeniedKeys denied(bench.db);
  for (const auto& row : from.made_here) {
    if (row.status == CertificateStatus::revoked) continue;
    const auto origin = origin_of(bench, from, row);
    if (denied.contain(row.public_key_sha256))
      unwanted.push_back({row, Reason::key_compromise});
    else if (origin && origin->status == CertificateStatus::revoked)
      unwanted.push_back({row, reason_of(origin->revocation_reason).value_or(Reason::unspecified)});
  }
  return unwanted;
}

/// Operations and their items; what gives way to operations of the database comes as abandoned.
void insert_operations(Workbench& bench, const Source& from, const Settled& settled, std::string_view kinds) {
  std::set<std::string> shortened, open;
  const auto id_of = [](const migrate::Table& table, const migrate::Pair& row) {
    return migrate::text_at(table, row.here, "request_id");
  };
  const auto& item_table = migrate::table_named("operation_items");
  auto items = migrate::rows_of(item_table, from.db, kinds, {});
  for (auto& item : items) {
    const auto id = id_of(item_table, item);
    const auto position = std::get<std::int64_t>(item.here[migrate::place_of(item_table, "position")]);
    if (settled.abandoned.contains({id, position})) {
      item.here[migrate::place_of(item_table, "status")] = std::string("abandoned");
      shortened.insert(id);
    } else if (is_open(item_table, item, "status")) {
      open.insert(id);
    }
  }
  insert(bench, from, "operations", kinds, [&](const migrate::Table& table, Rows& rows) {
    for (auto& row : rows) {
      if (!shortened.contains(id_of(table, row)) || open.contains(id_of(table, row))) continue;
      row.here[migrate::place_of(table, "state")] = std::string("abandoned");
      for (const auto* column : {"lease_holder", "lease_until"}) row.here[migrate::place_of(table, column)] = {};
    }
  });
  insert_new(bench, item_table, items);
}

/// Certificates that were made here, but for those that `reconcile` has found installed meanwhile, and `left_out`.
void insert_certificates(Workbench& bench, const Source& from, const std::vector<Unwanted>& left_out, bool as_revoked) {
  std::set<std::string> known;
  for (const auto& unwanted : left_out) known.insert(unwanted.row.cert_id);
  for (const auto& row : from.made_here)
    bench.db.run("SELECT 1 FROM certificates WHERE issuer = $1 AND serial_number = $2", {row.issuer, row.serial},
                 [&](const sql::Row&) { known.insert(row.cert_id); });
  const auto drop_known = [&](const migrate::Table& table, Rows& rows) {
    std::erase_if(
        rows, [&](const migrate::Pair& row) { return known.contains(migrate::text_at(table, row.here, "cert_id")); });
  };
  const std::string new_ones = " WHERE cert_id IN (SELECT cert_id FROM certificates" + std::string(of_it) + ")";
  insert(bench, from, "certificates", std::string(of_it) + " ORDER BY rowid",
         [&](const migrate::Table& table, Rows& rows) {
           drop_known(table, rows);
           if (as_revoked) return;
           for (auto& row : rows) {
             if (migrate::text_at(table, row.here, "status") != "revoked") continue;
             row.here[migrate::place_of(table, "status")] = std::string("active");
             for (const auto* column : {"revoked_at", "revocation_reason", "invalidity_at"})
               row.here[migrate::place_of(table, column)] = {};
           }
         });
  insert(bench, from, "certificate_labels", new_ones, drop_known);
  insert(bench, from, "ca_issued", new_ones, drop_known);
}

/// Two people of a host may have renewed the same one: the newest stays.
void leave_one_successor(Workbench& bench, const Source& from) {
  for (const auto& made : from.made_here) {
    std::vector<std::string> successors;
    bench.db.run(
        "SELECT cert_id FROM certificates WHERE renewed_from = $1 AND status = 'active' "
        "ORDER BY issued_at DESC, cert_id DESC",
        {made.renewed_from}, [&](const sql::Row& row) { successors.emplace_back(row.text(0)); });
    for (std::size_t i = 1; i < successors.size(); ++i) inventory::supersede(bench.db, successors[i]);
  }
}

/// A revocation is recorded for the CA, too, which may not have been told yet. What the database knows as stronger stays.
bool follow_revocation(Workbench& bench, const CertificateRow& row, bool made_here) {
  if (row.status != CertificateStatus::revoked || !row.revoked_at) return false;
  const auto reason = reason_of(row.revocation_reason).value_or(Reason::unspecified);
  const auto theirs = inventory::by_id(bench.db, row.cert_id);
  const bool is_known = theirs && stays_revoked(*theirs, reason);
  if (is_known && !made_here) return false;
  bench.authority.revoke(row.issuer, {row.serial, row.expires_at, reason, *row.revoked_at, row.invalidity_at});
  if (theirs && !is_known) inventory::mark_revoked(bench.db, row.cert_id, *row.revoked_at, reason, row.invalidity_at);
  return true;
}

/// What became of certificates that the database had before.
void follow(Workbench& bench, const Source& from) {
  for (const auto& row : from.noted) {
    if (row.status == CertificateStatus::superseded) inventory::supersede(bench.db, row.cert_id);
    if (row.hook_at && *row.hook_at > from.noted_at && row.status == CertificateStatus::active)
      inventory::set_hook_result(bench.db, row.cert_id, row.hook_state, row.hook_message, *row.hook_at);
  }
}

std::int64_t follow_revocations(Workbench& bench, const Source& from) {
  std::int64_t revoked = 0;
  for (const auto& row : from.noted)
    if (follow_revocation(bench, row, false)) ++revoked;
  for (const auto& row : from.made_here)
    if (follow_revocation(bench, row, true)) ++revoked;
  return revoked;
}

void revoke(Workbench& bench, const Unwanted& unwanted) {
  const auto& row = unwanted.row;
  const Time at = floor_seconds(row.issued_at);
  bench.authority.revoke(row.issuer, {row.serial, row.expires_at, unwanted.reason, at, {}});
  if (inventory::by_id(bench.db, row.cert_id)) inventory::mark_revoked(bench.db, row.cert_id, at, unwanted.reason, {});
}

audit::Event orphaned(const Unwanted& unwanted) {
  const auto& row = unwanted.row;
  return {
      row.request_id, "stand_in.orphaned", row.name,
      Json::object({{"cert_id", row.cert_id}, {"serial_number", row.serial}, {"reason", to_string(unwanted.reason)}})};
}

void deny_keys(Workbench& bench, const Source& from) {
  from.db.run("SELECT public_key_sha256, reason, cert_id, denied_at FROM denied_keys WHERE denied_at >= $1",
              {to_micros(from.noted_at)}, [&](const sql::Row& row) {
                inventory::deny_key(bench.db, row.text(0), row.text(1), row.text(2), from_micros(row.integer(3)));
              });
}

/// With the times at which it happened: the database sets its own.
std::vector<audit::Event> events_of(const Source& from) {
  std::vector<audit::Event> events;
  for (const auto& row : audit::list(from.db, {.limit = 1'000'000})) {
    Json data = parse_json(row.data);
    data.set("happened_at", format_time(row.at));
    events.push_back({row.request_id, row.event, row.target, std::move(data)});
  }
  return events;
}

std::int64_t count(sql::Connection& db, std::string_view what) {
  std::int64_t n = 0;
  db.run("SELECT count(*) FROM " + std::string(what), {}, [&](const sql::Row& row) { n = row.integer(0); });
  return n;
}

bool is_delivered(Workbench& bench, const Source& from) {
  return !audit::list(bench.db, {.event = std::string(delivered), .target = from.id, .limit = 1}).empty();
}

Delivery write(Workbench& bench, const Source& from) {
  Delivery done;
  const bool revokes = may_revoke(bench.db);
  const std::string_view kinds = revokes ? "" : " WHERE kind <> 'revoke'";
  auto settled = settle_collisions(bench, from.db, kinds);
  insert_operations(bench, from, settled, kinds);
  if (revokes) deny_keys(bench, from);
  const auto unwanted = unwanted_ones(bench, from);
  insert_certificates(bench, from, revokes ? std::vector<Unwanted>() : unwanted, revokes);
  follow(bench, from);
  if (revokes) done.revocations = follow_revocations(bench, from);
  for (const auto& each : unwanted) {
    done.unwanted.push_back(each.row.name);
    if (revokes) revoke(bench, each);
  }
  done.is_revoked = revokes;
  leave_one_successor(bench, from);
  done.operations = count(from.db, "operations");
  done.certificates = count(from.db, "certificates" + std::string(of_it));
  auto events = events_of(from);
  if (!revokes) std::ranges::transform(unwanted, std::back_inserter(events), orphaned);
  std::ranges::move(settled.events, std::back_inserter(events));
  events.push_back({"", std::string(delivered), from.id,
                    Json::object({{"operations", done.operations},
                                  {"certificates", done.certificates},
                                  {"revocations", done.revocations},
                                  {"noted_at", format_time(from.noted_at)}})});
  audit::append(bench.db, bench.session.identity().user, events, bench.head_signer);
  return done;
}

}  // namespace

bool waits(const Place& place) {
  if (!exists(place.path())) return false;
  const auto lock = try_lock(place.path() + ".lock");
  return lock && exists(place.path()) && has_news(*open_file(place.path()));
}

bool is_undelivered(const std::string& path) {
  return has_news(*sql::open_sqlite({.path = path, .read_only = true, .busy_milliseconds = 1000}));
}

std::optional<Delivery> deliver(Workbench& bench, const Place& place) {
  if (!exists(place.path())) return std::nullopt;
  const auto lock = try_lock(place.path() + ".lock");
  if (!lock || !exists(place.path())) return std::nullopt;
  auto db = open_file(place.path());
  if (!has_news(*db)) return std::nullopt;
  const auto noted_at = parse_number(sql::read_setting(*db, setting::noted_at).value_or(""));
  Source from{
      *db, place.path(), sql::read_setting(*db, setting::id).value_or(""), from_micros(noted_at.value_or(0)), {}, {}};
  std::optional<Delivery> done;
  if (!is_delivered(bench, from)) {
    check(bench, from);
    failpoint("stand_in", "before");
    bench.db.transaction(sql::Access::write, [&] {
      done.reset();
      if (!is_delivered(bench, from)) done = write(bench, from);
    });
    failpoint("stand_in", "after");
  }
  db.reset();
  remove_database(place.path());
  return done;
}

}  // namespace ymgr::stand_in
