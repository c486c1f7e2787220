#include "inventory/tracked.hpp"

#include <fnmatch.h>

#include <algorithm>

#include "base/crypto.hpp"
#include "base/error.hpp"
#include "base/ids.hpp"
#include "base/text.hpp"

namespace ymgr::tracked {
namespace {

constexpr std::string_view columns =
    "track_id, source, host, name, subject, sans, serial_number, issuer, key_algorithm, public_key_sha256, not_before, "
    "expires_at, renew_at, fingerprint, pem, owner, profile, installation, status, tracked_at, tracked_by, seen_at";

/// None where that can't be read: a row that somebody wrote past ymgr must not stop others.
std::vector<std::string> sans_of(std::string_view text) {
  std::vector<std::string> sans;
  try {
    const Json list = parse_json(text);
    for (const auto& san : list.items()) sans.push_back(san.text());
  } catch (const Error& error) {
    if (error.code() != Code::json_invalid) throw;
  }
  return sans;
}

TrackedRow read(const sql::Row& row) {
  TrackedRow one;
  std::string* const texts[] = {&one.track_id, &one.source, &one.host, &one.name, &one.subject};
  for (int i = 0; i < 5; ++i) *texts[i] = row.text(i);
  one.sans = sans_of(row.text(5));
  one.serial = row.text(6);
  one.issuer = row.text(7);
  one.key_algorithm = row.text(8);
  one.public_key_sha256 = row.text(9);
  one.not_before = from_micros(row.integer(10));
  one.expires_at = from_micros(row.integer(11));
  one.renew_at = from_micros(row.integer(12));
  one.fingerprint = row.text(13);
  one.pem = row.text(14);
  one.owner = row.text(15);
  one.profile = row.text(16);
  one.installation = row.text(17);
  one.status = row.text(18);
  one.tracked_at = from_micros(row.integer(19));
  one.tracked_by = row.text(20);
  one.seen_at = from_micros(row.integer(21));
  return one;
}

std::vector<TrackedRow> find(sql::Connection& db, std::string_view condition, std::span<const sql::Value> values) {
  std::vector<TrackedRow> rows;
  const std::string text =
      "SELECT " + std::string(columns) + " FROM tracked_certificates WHERE " + std::string(condition);
  db.run(text, values, [&](const sql::Row& row) { rows.push_back(read(row)); });
  return rows;
}

sql::Value or_null(const std::string& text) {
  return text.empty() ? sql::Value() : sql::Value(text);
}

bool matches(const std::string& pattern, const std::string& text) {
  std::string escaped;
  for (const char c : pattern) escaped += std::string(c == '?' || c == '[' || c == '\\' ? "\\" : "") + c;
  return fnmatch(escaped.c_str(), text.c_str(), 0) == 0;
}

bool fits(const TrackedRow& row, const Selection::Condition& condition) {
  const auto& [field, value, negated] = condition;
  if (field == "name") return matches(value, row.name) != negated;
  if (field == "owner") return matches(value, row.owner) != negated;
  if (field == "host") return (row.host == value) != negated;
  if (field == "status") return (value == "tracked") != negated;
  if (field == "expires-before") return (row.expires_at < parse_time(value)) != negated;
  if (field == "expires-after") return (row.expires_at > parse_time(value)) != negated;
  return negated;
}

void insert(sql::Connection& db, const TrackedRow& row, std::string_view sans) {
  db.run(
      "INSERT INTO tracked_certificates (track_id, source, host, name, subject, sans, serial_number, issuer, "
      "key_algorithm, public_key_sha256, not_before, expires_at, renew_at, fingerprint, pem, owner, profile, "
      "installation, status, tracked_at, tracked_by, seen_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, "
      "$12, $13, $14, $15, $16, $17, $18, 'tracked', $19, $20, $19)",
      {row.track_id,
       row.source,
       row.host,
       row.name,
       row.subject,
       sans,
       row.serial,
       row.issuer,
       row.key_algorithm,
       row.public_key_sha256,
       to_micros(row.not_before),
       to_micros(row.expires_at),
       to_micros(row.renew_at),
       row.fingerprint,
       row.pem,
       row.owner,
       or_null(row.profile),
       or_null(row.installation),
       to_micros(row.seen_at),
       row.tracked_by});
}

void update(sql::Connection& db, const TrackedRow& row, std::string_view sans) {
  db.run(
      "UPDATE tracked_certificates SET name = $2, subject = $3, sans = $4, serial_number = $5, issuer = $6, "
      "key_algorithm = $7, public_key_sha256 = $8, not_before = $9, expires_at = $10, renew_at = $11, fingerprint = "
      "$12, pem = $13, owner = $14, profile = $15, installation = $16, status = $17, seen_at = $18 WHERE "
      "track_id = $1",
      {row.track_id, row.name, row.subject, sans, row.serial, row.issuer, row.key_algorithm, row.public_key_sha256,
       to_micros(row.not_before), to_micros(row.expires_at), to_micros(row.renew_at), row.fingerprint, row.pem,
       row.owner, or_null(row.profile), or_null(row.installation), row.status, to_micros(row.seen_at)});
}

/// What nobody says anew stays as it was said before, unless somebody ended the watch.
void keep_wishes(const TrackedRow& before, TrackedRow& row) {
  if (before.status == "untracked") return;
  if (row.owner.empty()) row.owner = before.owner;
  if (!row.installation.empty()) return;
  row.profile = before.profile;
  row.installation = before.installation;
  if (before.fingerprint == row.fingerprint) row.status = before.status;  // its successor is there
}

}  // namespace

TrackedRow row_of(const Certificate& certificate) {
  TrackedRow row;
  for (const auto& san : certificate.sans) row.sans.push_back(to_string(san));
  row.name = !certificate.common_name.empty() ? certificate.common_name
             : certificate.sans.empty()       ? certificate.serial
                                              : certificate.sans.front().value;
  row.subject = certificate.subject;
  row.serial = certificate.serial;
  row.issuer = certificate.issuer;
  const auto& key = certificate.key;
  row.key_algorithm =
      key.algorithm ? std::string(to_string(*key.algorithm)) : lower(key.family) + "-" + std::to_string(key.bits);
  row.public_key_sha256 = hex(key.sha256);
  row.not_before = certificate.not_before;
  row.expires_at = certificate.not_after;
  row.renew_at = default_due_at(certificate.not_before, certificate.not_after);
  row.fingerprint = hex(certificate.fingerprint);
  row.pem = certificate.pem;
  return row;
}

std::string_view to_string(Change change) noexcept {
  switch (change) {
    case Change::added: return "tracked";
    case Change::changed: return "changed";
    case Change::unchanged: return "unchanged";
  }
  return "tracked";
}

Change put(sql::Connection& db, TrackedRow& row) {
  const sql::Value place[] = {row.host, row.source};
  const auto there = find(db, "host = $1 AND source = $2", place);
  const std::string sans = dump_json(Json::texts(row.sans));
  if (there.empty()) {
    if (row.owner.empty()) row.owner = row.tracked_by;
    row.track_id = new_id("track", row.seen_at);
    row.tracked_at = row.seen_at;
    insert(db, row, sans);
    return Change::added;
  }
  const auto& before = there.front();
  row.track_id = before.track_id;
  row.tracked_at = before.tracked_at;
  keep_wishes(before, row);
  if (row.owner.empty()) row.owner = row.tracked_by;
  row.tracked_by = before.tracked_by;
  update(db, row, sans);
  const bool same = before.fingerprint == row.fingerprint && before.status == row.status && before.owner == row.owner &&
                    before.installation == row.installation && before.profile == row.profile;
  return same ? Change::unchanged : Change::changed;
}

std::vector<TrackedRow> list(sql::Connection& db, const Selection& selection) {
  auto rows = find(db, "status = 'tracked' ORDER BY expires_at, track_id", {});
  std::erase_if(rows, [&](const TrackedRow& row) {
    return !std::ranges::all_of(selection.conditions, [&](const auto& condition) { return fits(row, condition); });
  });
  return rows;
}

std::vector<TrackedRow> due(sql::Connection& db, const std::optional<RenewBefore>& before, Time at) {
  if (before) {
    auto rows = list(db, {});
    std::erase_if(rows, [&](const TrackedRow& row) { return before->due_at(row.not_before, row.expires_at) > at; });
    return rows;
  }
  const sql::Value values[] = {to_micros(at)};
  return find(db, "status = 'tracked' AND renew_at <= $1 ORDER BY expires_at, track_id", values);
}

std::vector<TrackedRow> ending(sql::Connection& db, Time from, Time to) {
  const sql::Value values[] = {to_micros(from), to_micros(to)};
  return find(db, "status = 'tracked' AND expires_at > $1 AND expires_at <= $2 ORDER BY expires_at, track_id", values);
}

TrackedRow resolve(sql::Connection& db, std::string_view argument) {
  const sql::Value values[] = {argument};
  auto rows = find(db, "status = 'tracked' AND (track_id = $1 OR source = $1 OR name = $1) ORDER BY track_id", values);
  if (rows.empty())
    throw Error(Code::certificate_not_found, "no certificate " + printable(argument) + " is tracked",
                "ymgr cert list --select status=tracked");
  if (rows.size() > 1)
    throw Error(Code::certificate_ambiguous,
                std::to_string(rows.size()) + " tracked certificates are called " + printable(argument),
                "name one by its id, such as " + rows.front().track_id);
  return std::move(rows.front());
}

void end(sql::Connection& db, std::string_view track_id, std::string_view status, Time at) {
  db.run("UPDATE tracked_certificates SET status = $2, seen_at = $3 WHERE track_id = $1",
         {track_id, status, to_micros(at)});
}

std::optional<Time> next_expiry(sql::Connection& db) {
  std::optional<Time> next;
  db.run("SELECT min(expires_at) FROM tracked_certificates WHERE status = 'tracked'", {}, [&](const sql::Row& row) {
    if (!row.is_null(0)) next = from_micros(row.integer(0));
  });
  return next;
}

bool is_ours(sql::Connection& db, const Certificate& certificate) {
  bool found = false;
  db.run("SELECT 1 FROM certificates WHERE issuer = $1 AND serial_number = $2 AND fingerprint = $3",
         {certificate.issuer, certificate.serial, hex(certificate.fingerprint)},
         [&](const sql::Row&) { found = true; });
  return found;
}

Json to_json(const TrackedRow& row, Time at) {
  const auto text = [](const std::string& value) { return value.empty() ? Json() : Json(value); };
  return Json::object({{"track_id", row.track_id},
                       {"name", row.name},
                       {"source", row.source},
                       {"host", row.host},
                       {"status", row.expires_at < at ? "expired" : row.status},
                       {"subject", row.subject},
                       {"sans", Json::texts(row.sans)},
                       {"serial_number", row.serial},
                       {"issuer", row.issuer},
                       {"key_algorithm", row.key_algorithm},
                       {"owner", row.owner},
                       {"not_before", format_time(row.not_before)},
                       {"expires_at", format_time(row.expires_at)},
                       {"renew_at", format_time(row.renew_at)},
                       {"fingerprint", row.fingerprint},
                       {"profile", text(row.profile)},
                       {"installation", text(row.installation)},
                       {"tracked_at", format_time(row.tracked_at)},
                       {"tracked_by", row.tracked_by},
                       {"seen_at", format_time(row.seen_at)}});
}

Json as_certificate(const TrackedRow& row, Time at) {
  CertificateRow shown;
  shown.cert_id = row.track_id;
  shown.name = row.name;
  shown.subject = row.subject;
  shown.serial = row.serial;
  shown.issuer = shown.ca_name = row.issuer;
  shown.key_algorithm = row.key_algorithm;
  shown.public_key_sha256 = row.public_key_sha256;
  shown.profile = row.profile;
  shown.owner = row.owner;
  shown.issued_at = shown.not_before = row.not_before;
  shown.expires_at = row.expires_at;
  shown.renew_at = row.renew_at;
  shown.fingerprint = row.fingerprint;
  shown.host = row.host;
  shown.installation = row.installation;
  shown.issued_by = row.tracked_by;
  return inventory::to_json(shown, at, inventory::WithPem::no)
      .set("sans", Json::texts(row.sans))
      .set("status", row.expires_at < at ? "expired" : "tracked");
}

}  // namespace ymgr::tracked
