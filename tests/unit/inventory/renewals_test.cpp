#include <doctest/doctest.h>

#include "support/certificates.hpp"
#include "support/database.hpp"

using namespace ymgr;

TEST_CASE("coming renewals are those of active certificates, the first that is due first") {
  const test::TestDatabase db;
  db->transaction(sql::Access::write, [&] {
    for (int i = 1; i <= 4; ++i) {
      auto row = test::certificate_row(i, "host" + std::to_string(i) + ".example.com");
      row.renew_at -= std::chrono::hours(i);
      row.key_algorithm = i == 2 ? "rsa-3072" : "ec-p256";
      row.public_key_sha256 = std::string(64, static_cast<char>('0' + i));
      inventory::insert(*db, row);
    }
    inventory::supersede(*db, test::certificate_row(3, "host3.example.com").cert_id);
    inventory::deny_key(*db, std::string(64, '4'), "keyCompromise", "", now());
  });
  std::vector<inventory::ComingRenewal> seen;
  const auto keep = [&](const inventory::ComingRenewal& coming) { seen.push_back(coming); };
  inventory::coming_renewals(*db, {}, now(), keep);
  REQUIRE(seen.size() == 3);
  CHECK(seen[0].name == "host4.example.com");
  CHECK(seen[0].key_denied);
  CHECK(seen[1].name == "host2.example.com");
  CHECK(seen[1].key_algorithm == "rsa-3072");
  CHECK_FALSE(seen[1].key_denied);
  CHECK(seen[2].sans == test::certificate_row(1, "host1.example.com").sans);
  CHECK(seen[2].key_reference == test::certificate_row(1, "host1.example.com").key_reference);
  seen.clear();
  inventory::coming_renewals(*db, parse_selection("key=rsa-3072"), now(), keep);
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].name == "host2.example.com");
}
