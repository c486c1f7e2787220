#include "inventory/row.hpp"
#include "inventory/where.hpp"

namespace ymgr::inventory {

void coming_renewals(sql::Connection& db, const Selection& selection, Time at,
                     const std::function<void(const ComingRenewal&)>& each) {
  Where where;
  where.add("status = 'active'");
  where.add(selection, at, Where::Use::filter);
  const std::string text =
      "SELECT cert_id, name, profile, owner, serial_number, sans, key_algorithm, public_key_sha256, key_reference, "
      "key_created_at, renew_at, expires_at, CASE WHEN EXISTS (SELECT 1 FROM denied_keys d WHERE d.public_key_sha256 = "
      "certificates.public_key_sha256) THEN 1 ELSE 0 END FROM certificates " +
      where.text() + " ORDER BY renew_at, expires_at, cert_id";
  db.run(text, where.params(), [&](const sql::Row& row) {
    const auto word = [&](int column) { return std::string(row.text(column)); };
    const auto time = [&](int column) { return from_micros(row.integer(column)); };
    each({word(0), word(1), word(2), word(3), word(4), read_sans(row.text(5)), word(6), word(7), word(8), time(9),
          time(10), time(11), row.integer(12) == 1});
  });
}

}  // namespace ymgr::inventory
