// What a renewal that nobody watches does differently, and what it watches.
#include <doctest/doctest.h>

#include <algorithm>

#include "support/profile.hpp"
#include "support/test_clock.hpp"
#include "workflow/issue.hpp"
#include "workflow/renew.hpp"

using namespace ymgr;

namespace {

constexpr Duration hour = std::chrono::hours(1), day = 24 * hour;

CertificateRow row_of(const std::string& name, Duration life) {
  CertificateRow row;
  row.name = name;
  row.not_before = from_seconds(1'800'000'000);
  row.expires_at = row.not_before + life;
  return row;
}

CertificateRow issued(test::Profile& profile, const std::string& name) {
  IssueRequest request;
  request.name = name;
  issue(profile.bench(), {request}, {});
  return *inventory::active_by_name(profile.db(), name, now());
}

std::int64_t renewed(test::Profile& profile, Duration jitter, std::int64_t limit = 0) {
  DueOptions due;
  due.jitter = jitter;
  due.limit = limit;
  return std::ssize(renew_due(profile.bench(), due, {}).items);
}

const Watched* find(const std::vector<Watched>& all, std::string_view kind) {
  const auto found = std::ranges::find(all, kind, &Watched::kind);
  return found == all.end() ? nullptr : &*found;
}

bool is_due(Workbench& bench, std::string_view kind) {
  const auto all = watch(bench, {});
  const auto* one = find(all, kind);
  REQUIRE(one);
  return one->due_at <= now();
}

}  // namespace

TEST_CASE("the offset of a certificate is stable, its own, and below both bounds") {
  const auto row = row_of("www.example.com", 90 * day);
  const auto offset = jitter_of("web1", row, hour);
  CHECK(offset == jitter_of("web1", row, hour));
  CHECK(offset != jitter_of("web2", row, hour));
  CHECK(offset != jitter_of("web1", row_of("api.example.com", 90 * day), hour));
  CHECK(jitter_of("web1", row, Duration::zero()) == Duration::zero());
  Duration most{}, least = hour, longest_of_short{};
  for (int i = 0; i < 400; ++i) {
    const std::string name = "host" + std::to_string(i);
    const auto one = jitter_of("web1", row_of(name, 90 * day), hour);
    most = std::max(most, one);
    least = std::min(least, one);
    longest_of_short = std::max(longest_of_short, jitter_of("web1", row_of(name, hour), hour));
  }
  CHECK(most < hour);
  CHECK(most > std::chrono::minutes(55));
  CHECK(least < std::chrono::minutes(5));
  CHECK(longest_of_short < std::chrono::minutes(3));  // 5% of an hour
}

TEST_CASE("with jitter a certificate is renewed once its own offset has passed, and a limit counts only those") {
  test::TestClock clock(parse_time("2026-03-01T02:00:00Z"));
  test::Profile profile;
  const auto one = issued(profile, "a.example.com"), two = issued(profile, "b.example.com");
  const auto offset = jitter_of("testhost", one, hour), other = jitter_of("testhost", two, hour);
  REQUIRE(offset != other);
  clock.set(one.renew_at + std::min(offset, other));
  CHECK(renewed(profile, hour, 1) == 1);
  CHECK(renewed(profile, hour) == 0);
  CHECK(renewed(profile, Duration::zero()) == 1);
}

TEST_CASE("a CA is watched from when on its certificates would outlive it") {
  test::TestClock clock(parse_time("2026-03-01T02:00:00Z"));
  test::Profile profile;
  CHECK_FALSE(is_due(profile.bench(), "issuing-ca"));
  CHECK_FALSE(is_due(profile.bench(), "root-ca"));
  clock.go((5 * 365 - 365 - 20) * day);  // a year is what a YubiKey's certificate lives
  CHECK(is_due(profile.bench(), "issuing-ca"));
  CHECK_FALSE(is_due(profile.bench(), "root-ca"));
}

TEST_CASE("a list that nobody signs any more is due before it ends; the root's a month before") {
  test::TestClock clock(parse_time("2026-03-01T02:00:00Z"));
  test::Profile profile;
  refresh_ca_crls(profile.bench());
  CHECK_FALSE(is_due(profile.bench(), "crl"));
  clock.go(6 * day + hour);
  CHECK(is_due(profile.bench(), "crl"));
  refresh_ca_crls(profile.bench());
  CHECK_FALSE(is_due(profile.bench(), "crl"));
  clock.go(340 * day);
  refresh_ca_crls(profile.bench());
  const auto all = watch(profile.bench(), {});
  const auto lists =
      std::ranges::count_if(all, [](const Watched& one) { return one.kind == "crl" && one.due_at <= now(); });
  CHECK(lists == 1);
}

TEST_CASE("what logs in is watched as well") {
  test::Profile profile;
  DueOptions due;
  due.logins = [] { return std::vector<Watched>{{"token", "mine", now() + hour, now() - hour, "another"}}; };
  bool told = false;
  for (const auto& one : renew_due(profile.bench(), due, {}).watched) told |= one.kind == "token";
  CHECK(told);
}
