#include <doctest/doctest.h>

#include "inventory/inventory.hpp"
#include "support/certificates.hpp"
#include "support/database.hpp"

using namespace ymgr;
using test::certificate_row;

namespace {

/// Row `number` of web.example.com, issued `number` hours after the first, renewed from row `from` (0: from none).
CertificateRow row_of(int number, int from) {
  CertificateRow row = certificate_row(number, "web.example.com");
  row.issued_at = test::inventory_now + std::chrono::hours(number);
  if (from > 0) row.renewed_from = certificate_row(from, "web.example.com").cert_id;
  return row;
}

/// The last digits of the ids of the lineage of row `number`.
std::string lineage_of(sql::Connection& db, int number) {
  const auto row = inventory::by_id(db, certificate_row(number, "").cert_id);
  REQUIRE(row);
  std::string text;
  for (const auto& found : inventory::lineage(db, *row)) text += found.cert_id.back();
  return text;
}

}  // namespace

TEST_CASE("a lineage goes up and down, newest first, and leaves other certificates of the name out") {
  const test::TestDatabase db;
  for (const auto& row : {row_of(1, 0), row_of(2, 1), row_of(3, 0), row_of(4, 2), row_of(5, 3), row_of(6, 4)})
    inventory::insert(*db, row);
  CHECK(lineage_of(*db, 1) == "6421");
  CHECK(lineage_of(*db, 4) == "6421");
  CHECK(lineage_of(*db, 6) == "6421");
  CHECK(lineage_of(*db, 3) == "53");
}

TEST_CASE("walking in groups meets every row once") {
  const test::TestDatabase db;
  for (int i = 1; i <= 7; ++i) inventory::insert(*db, row_of(i, 0));
  std::string met, after;
  for (int group = 0; group < 4; ++group)
    inventory::page(*db, after, 3, [&](const CertificateRow& row) {
      met += row.cert_id.back();
      after = row.cert_id;
    });
  CHECK(met == "1234567");
}
