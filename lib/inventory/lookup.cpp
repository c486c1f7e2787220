#include "base/error.hpp"
#include "base/text.hpp"
#include "inventory/row.hpp"
#include "sql/statements.hpp"

namespace ymgr::inventory {
namespace {

/// Neighbours in the order of names that are looked at for "did you mean".
constexpr std::int64_t neighbours = 2000;

std::string select(const char* rest) {
  return std::string("SELECT ") + columns + " FROM certificates " + rest;
}

std::vector<CertificateRow> fetch(sql::Connection& db, const std::string& text,
                                  std::initializer_list<sql::Value> params) {
  std::vector<CertificateRow> rows;
  db.run(text, params, [&](const sql::Row& row) { rows.push_back(read_row(row)); });
  return rows;
}

std::optional<CertificateRow> first(std::vector<CertificateRow> rows) {
  if (rows.empty()) return std::nullopt;
  return std::move(rows.front());
}

/// The three newest are enough to tell one from several.
std::vector<CertificateRow> actives_by_name(sql::Connection& db, std::string_view name, Time at) {
  static const std::string text = select(
      "WHERE name = $1 AND status = 'active' AND expires_at >= $2 ORDER BY issued_at DESC, cert_id DESC LIMIT 3");
  return fetch(db, text, {name, to_micros(at)});
}

std::optional<CertificateRow> newest_by_name(sql::Connection& db, std::string_view name) {
  static const std::string text = select("WHERE name = $1 ORDER BY issued_at DESC, cert_id DESC LIMIT 1");
  return first(fetch(db, text, {name}));
}

std::vector<CertificateRow> by_serial(sql::Connection& db, std::string_view serial) {
  static const std::string text = select("WHERE serial_number = $1 ORDER BY issued_at DESC LIMIT 3");
  return fetch(db, text, {serial});
}

CertificateRow only(std::vector<CertificateRow> rows, std::string_view argument) {
  if (rows.size() == 1) return std::move(rows.front());
  std::vector<std::string> ids;
  for (const auto& row : rows) ids.push_back(row.cert_id);
  throw Error(Code::certificate_ambiguous, "more than one certificate fits " + printable(argument),
              "name one of them: " + join(ids, ", "), {{"cert_ids", join(ids, ",")}});
}

bool is_tracked(sql::Connection& db, std::string_view argument) {
  bool found = false;
  db.run("SELECT 1 FROM tracked_certificates WHERE track_id = $1 OR (name = $1 AND status = 'tracked') LIMIT 1",
         {argument}, [&](const sql::Row&) { found = true; });
  return found;
}

[[noreturn]] void throw_not_found(sql::Connection& db, std::string_view argument) {
  if (is_tracked(db, argument))
    throw Error(Code::certificate_not_found,
                printable(argument) + " is another CA's and only watched: the inventory has no certificate of it",
                "`ymgr cert list --select status=tracked` shows it; `ymgr cert track … --renew` has our CA renew it");
  std::vector<std::string> names;
  const auto keep = [&](const sql::Row& row) {
    if (names.empty() || names.back() != row.text(0)) names.emplace_back(row.text(0));
  };
  db.run("SELECT name FROM certificates WHERE name >= $1 ORDER BY name LIMIT $2", {argument, neighbours}, keep);
  db.run("SELECT name FROM certificates WHERE name < $1 ORDER BY name DESC LIMIT $2", {argument, neighbours}, keep);
  const std::vector<std::string_view> views(names.begin(), names.end());
  const auto near = nearest(argument, views);
  throw Error(Code::certificate_not_found, "no certificate has the id, name or serial number " + printable(argument),
              near ? "did you mean " + *near + "?" : "`ymgr cert list` shows them");
}

}  // namespace

std::optional<CertificateRow> by_id(sql::Connection& db, std::string_view cert_id) {
  static const std::string text = select("WHERE cert_id = $1");
  return first(fetch(db, text, {cert_id}));
}

std::map<std::string, CertificateRow> by_ids(sql::Connection& db, const std::vector<std::string>& cert_ids) {
  std::map<std::string, CertificateRow> rows;
  const auto wanted = sql::one_of(db.dialect(), 1, cert_ids);
  for (auto& row : fetch(db, select("WHERE cert_id ") + wanted.condition, {wanted.value}))
    rows.emplace(row.cert_id, std::move(row));
  return rows;
}

std::vector<CertificateRow> by_name(sql::Connection& db, std::string_view name) {
  static const std::string text = select("WHERE name = $1 ORDER BY issued_at DESC, cert_id DESC");
  return fetch(db, text, {name});
}

std::optional<CertificateRow> active_by_name(sql::Connection& db, std::string_view name, Time at) {
  return first(actives_by_name(db, name, at));
}

std::map<std::string, CertificateRow> active_by_names(sql::Connection& db, const std::vector<std::string>& names,
                                                      Time at) {
  std::map<std::string, CertificateRow> newest;
  const auto wanted = sql::one_of(db.dialect(), 1, names);
  const auto text = select("WHERE name ") + wanted.condition +
                    " AND status = 'active' AND expires_at >= $2 ORDER BY issued_at DESC, cert_id DESC";
  for (auto& row : fetch(db, text, {wanted.value, to_micros(at)})) newest.emplace(row.name, std::move(row));
  return newest;
}

std::set<std::string> names_with_keys(sql::Connection& db, const std::vector<std::string>& names,
                                      const std::vector<std::string>& key_references) {
  std::set<std::pair<std::string, std::string>> pairs;
  const auto name = sql::one_of(db.dialect(), 1, names), key = sql::one_of(db.dialect(), 2, key_references);
  db.run("SELECT DISTINCT name, key_reference FROM certificates WHERE name " + name.condition + " AND key_reference " +
             key.condition,
         {name.value, key.value}, [&](const sql::Row& row) { pairs.emplace(row.text(0), row.text(1)); });
  std::set<std::string> found;
  for (std::size_t i = 0; i < names.size(); ++i)
    if (pairs.contains({names[i], key_references.at(i)})) found.insert(names[i]);
  return found;
}

// The signs keep SQLite from the indexes of all active ones.
std::vector<CertificateRow> active_in_slot(sql::Connection& db, std::string_view device, std::string_view slot,
                                           Time at) {
  static const std::string text =
      select("WHERE device = $1 AND slot = $2 AND status || '' = 'active' AND +expires_at >= $3 ORDER BY cert_id");
  return fetch(db, text, {device, slot, to_micros(at)});
}

std::vector<CertificateRow> by_public_key(sql::Connection& db, std::string_view public_key_sha256) {
  static const std::string text = select("WHERE public_key_sha256 = $1 ORDER BY issued_at DESC, cert_id DESC");
  return fetch(db, text, {public_key_sha256});
}

CertificateRow resolve(sql::Connection& db, std::string_view argument, Time at) {
  if (auto row = by_id(db, argument)) return std::move(*row);
  auto actives = actives_by_name(db, argument, at);
  if (!actives.empty()) return only(std::move(actives), argument);
  if (auto row = newest_by_name(db, argument)) return std::move(*row);
  if (const auto serial = normal_serial(argument)) {
    auto rows = by_serial(db, *serial);
    if (!rows.empty()) return only(std::move(rows), argument);
  }
  const std::string lowered = lower(argument);
  if (lowered != argument) return resolve(db, lowered, at);
  throw_not_found(db, argument);
}

}  // namespace ymgr::inventory
