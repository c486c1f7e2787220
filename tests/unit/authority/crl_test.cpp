#include "authority/crl.hpp"

#include <doctest/doctest.h>

#include "base/files.hpp"
#include "support/local_ca.hpp"
#include "support/test_clock.hpp"
#include "support/thrown.hpp"

namespace {
using namespace ymgr;
using test::LocalCa;
using test::TestClock;

const Time start = parse_time("2026-03-15T12:00:00Z");

Crl only(const std::vector<Crl>& made) {
  REQUIRE(made.size() == 1);
  return made.front();
}

TEST_CASE("a CRL number is one above the last of database and file, and at least the time in seconds") {
  const TestClock clock(from_seconds(1'000));
  struct Case {
    std::int64_t database;
    const char* file;
    std::int64_t number;
  };
  const Case cases[] = {{0, nullptr, 1'000},      {999, nullptr, 1'000},  {1'000, nullptr, 1'001}, {5, "7000\n", 7'001},
                        {8'000, "7000\n", 8'001}, {5, "nonsense", 1'000}, {5, "", 1'000}};
  const TemporaryFolder folder("ymgr-test");
  for (const auto& row : cases) {
    CAPTURE(row.number);
    remove_file(folder.path() + "/crl-number");
    if (row.file != nullptr) write_file(folder.path() + "/crl-number", row.file);
    CHECK(ca::next_crl_number(row.database, folder.path()) == row.number);
    CHECK(read_file(folder.path() + "/crl-number") == std::to_string(row.number) + "\n");
  }
  CHECK(ca::next_crl_number(5, "") == 1'000);
}

TEST_CASE("numbers go on after a restored database and a clock set back") {
  TestClock clock(start);
  LocalCa ca;
  const Crl before = only(ca.authority().refresh_crls(true));
  ca.database->run("UPDATE issuers SET crl_number = 1, crl = NULL, crl_this_update = NULL", {});
  clock.go(-std::chrono::days(400));
  // A CA made at `start` is not valid then, and still its numbers must not repeat.
  CHECK(only(ca.authority().refresh_crls(true)).number == before.number + 1);
  CHECK(only(ca.authority().refresh_crls(true)).number == before.number + 2);
}

TEST_CASE("a CRL is made anew after a change, after a day, from the future, and on request") {
  TestClock clock(start);
  LocalCa ca;
  const auto issued = ca.issue("a.example");
  CHECK(only(ca.authority().refresh_crls(false)).entries.empty());
  CHECK(ca.authority().refresh_crls(false).empty());
  ca.revoke(issued);
  CHECK(only(ca.authority().refresh_crls(false)).entries.size() == 1);
  CHECK(ca.authority().refresh_crls(false).empty());
  ca.revoke(issued);
  CHECK(ca.authority().refresh_crls(false).empty());
  ca.revoke(issued, Reason::key_compromise);
  CHECK(ca.authority().refresh_crls(false).size() == 1);
  ca.revoke(issued, Reason::key_compromise);
  CHECK(ca.authority().refresh_crls(false).empty());
  clock.go(std::chrono::hours(23));
  CHECK(ca.authority().refresh_crls(false).empty());
  clock.go(std::chrono::hours(1));
  const Crl daily = only(ca.authority().refresh_crls(false));
  CHECK(daily.this_update == start + std::chrono::days(1));
  CHECK(daily.next_update == start + std::chrono::days(8));
  clock.go(-std::chrono::hours(1));
  CHECK(only(ca.authority().refresh_crls(false)).this_update < daily.this_update);
  CHECK(only(ca.authority().refresh_crls(true)).entries.size() == 1);
}

TEST_CASE("an expired entry stays for one CRL more") {
  TestClock clock(start);
  LocalCa ca;
  const auto soon = ca.issue("soon.example", std::chrono::days(2)), late = ca.issue("late.example");
  ca.revoke(soon);
  ca.revoke(late);
  CHECK(only(ca.authority().refresh_crls(true)).entries.size() == 2);
  clock.go(std::chrono::days(2));
  CHECK(only(ca.authority().refresh_crls(true)).find(soon.certificate.serial) != nullptr);
  clock.go(std::chrono::days(1));
  CHECK(only(ca.authority().refresh_crls(true)).find(soon.certificate.serial) != nullptr);
  clock.go(std::chrono::seconds(1));
  const Crl later = only(ca.authority().refresh_crls(true));
  CHECK(later.find(soon.certificate.serial) == nullptr);
  CHECK(later.find(late.certificate.serial) != nullptr);
}

TEST_CASE("a retired CA goes on getting CRLs until it ends") {
  TestClock clock(start);
  auto plan = test::ca_plan();
  plan.issuing_life = std::chrono::days(30);
  LocalCa ca(plan);
  const auto old = ca.issue("old.example", std::chrono::days(20));
  clock.go(std::chrono::days(10));
  rotate_issuing_ca(*ca.database, ca.data_key, ca.root_key());
  ca.revoke(old);
  const auto both = ca.authority().refresh_crls(false);
  REQUIRE(both.size() == 2);
  CHECK(ca.authority().crl(old.certificate.issuer)->find(old.certificate.serial) != nullptr);
  CHECK(ca.authority().crl(active_ca(*ca.database).subject)->entries.empty());
  clock.go(std::chrono::days(20));
  CHECK(only(ca.authority().refresh_crls(false)).issuer == active_ca(*ca.database).subject);
}

TEST_CASE("the root's list is signed by the root key") {
  const LocalCa ca;
  const Certificate root = parse_certificate(ca.made.root_pem);
  const Crl first = ca.authority().crl(root.subject).value();
  const Crl second = sign_root_crl(*ca.database, ca.root_key(), ca.folder());
  CHECK(second.number > first.number);
  CHECK(second.issuer == root.subject);
  CHECK(second.next_update - second.this_update == std::chrono::days(365));
  CHECK(ca.authority().crl(root.subject)->number == second.number);
}

}  // namespace
