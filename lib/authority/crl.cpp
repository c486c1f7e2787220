#include "authority/crl.hpp"

#include <algorithm>

#include "base/files.hpp"
#include "base/text.hpp"
#include "sql/settings.hpp"

namespace ymgr::ca {
namespace {

std::string stale_setting(std::string_view issuer_id) {
  return "ca.crl_stale." + std::string(issuer_id);
}

/// An entry leaves with the first CRL after one that was made past the certificate's end (RFC 5280 3.3).
std::vector<RevokedEntry> current_entries(sql::Connection& db, const IssuerRow& row) {
  const std::int64_t last_update = row.crl_this_update ? to_micros(*row.crl_this_update) : 0;
  std::vector<RevokedEntry> entries;
  db.run(
      "SELECT serial_number, revoked_at, reason, invalidity_at FROM ca_revocations "
      "WHERE issuer_id = $1 AND not_after >= $2 ORDER BY revoked_at, serial_number",
      {row.issuer_id, last_update}, [&](const sql::Row& found) {
        RevokedEntry& entry = entries.emplace_back();
        entry.serial = found.text(0);
        entry.revoked_at = from_micros(found.integer(1));
        entry.reason = reason_of(found.text(2)).value_or(Reason::unspecified);
        if (!found.is_null(3)) entry.invalidity_date = from_micros(found.integer(3));
      });
  return entries;
}

}  // namespace

std::int64_t next_crl_number(std::int64_t last, const std::string& folder) {
  const std::string path = folder + "/crl-number";
  if (!folder.empty()) {
    // A file that holds no number counts as none: the seconds go on by themselves.
    const auto text = read_file_if_there(path, 64);
    if (text) last = std::max(last, parse_number(trim(*text)).value_or(0));
  }
  const std::int64_t number = std::max(last + 1, to_seconds(now()));
  if (!folder.empty()) {
    make_folders(folder, 0700);
    write_file(path, std::to_string(number) + "\n");
  }
  return number;
}

Crl sign_crl(sql::Connection& db, const IssuerRow& row, const Issuer& issuer, const std::string& folder,
             Duration life) {
  const Time at = floor_seconds(now());
  const std::int64_t number = next_crl_number(row.crl_number, folder);
  const Der der = make_crl(issuer, number, at, at + life, current_entries(db, row));
  Crl crl = parse_crl(der.bytes, &issuer.certificate());
  store_crl(db, row.issuer_id, crl);
  sql::remove_setting(db, stale_setting(row.issuer_id));
  return crl;
}

void mark_crl_stale(sql::Connection& db, std::string_view issuer_id) {
  sql::write_setting(db, stale_setting(issuer_id), "1");
}

bool is_crl_due(sql::Connection& db, const IssuerRow& row, Time at) {
  if (!row.crl_this_update || !row.crl_next_update) return true;
  const Time from = *row.crl_this_update, until = *row.crl_next_update;
  if (from > at || at >= from + std::chrono::days(1) || at >= from + (until - from) / 2) return true;
  return sql::read_setting(db, stale_setting(row.issuer_id)).has_value();
}

}  // namespace ymgr::ca
