#include "workflow/heartbeat.hpp"

#include <doctest/doctest.h>

#include "support/profile.hpp"
#include "support/test_clock.hpp"
#include "support/thrown.hpp"
#include "workflow/issue.hpp"
#include "workflow/renew.hpp"

using namespace ymgr;

namespace {

constexpr Duration hour = std::chrono::hours(1);
const Time start = parse_time("2026-03-01T02:00:00Z");

heartbeat::Beat here(test::Profile& profile) {
  return heartbeat::of_host(profile.db(), "testhost");
}

}  // namespace

TEST_CASE("a renewal of what is due leaves a heartbeat, and none is stale for ever") {
  test::TestClock clock(start);
  test::Profile profile;
  CHECK(here(profile).is_stale(heartbeat::usual_limit, now()));
  CHECK(here(profile).describe(now()) == "no scheduled renewal ever ran on testhost");
  renew_due(profile.bench(), {}, {});
  CHECK_FALSE(here(profile).is_stale(heartbeat::usual_limit, now()));
  CHECK(here(profile).exit == 0);
  clock.go(26 * hour);
  CHECK_FALSE(here(profile).is_stale(heartbeat::usual_limit, now()));
  clock.go(hour);
  CHECK(here(profile).is_stale(heartbeat::usual_limit, now()));
}

TEST_CASE("a part of what is due, and a rehearsal, are no heartbeat") {
  test::Profile profile;
  DueOptions part, few;
  part.selection = parse_selection("owner=web");
  few.limit = 3;
  RenewOptions rehearsal;
  rehearsal.dry_run = true;
  renew_due(profile.bench(), part, {});
  renew_due(profile.bench(), few, {});
  renew_due(profile.bench(), {}, rehearsal);
  CHECK_FALSE(here(profile).started_at);
}

TEST_CASE("a run that failed, or never ended, does not hide when the last one succeeded") {
  test::TestClock clock(start);
  test::Profile profile;
  renew_due(profile.bench(), {}, {});
  const auto succeeded = here(profile).succeeded_at;
  clock.go(24 * hour);
  heartbeat::begin(profile.bench());
  CHECK(here(profile).describe(now()).ends_with("; the one of 2026-03-02T02:00:00Z has not ended"));
  heartbeat::note_failure(profile.bench(), Error(Code::vault_unreachable, "no answer from Vault"));
  const auto beat = here(profile);
  CHECK(beat.exit == 8);
  CHECK(beat.succeeded_at == succeeded);
  CHECK(beat.describe(now()) ==
        "the last scheduled renewal on testhost that succeeded ended 1 day ago; the last one ended with exit status 8: "
        "no answer "
        "from Vault");
  CHECK(beat.is_stale(hour, now()));
}

TEST_CASE("of several people who run it on one host the last one tells how it went") {
  test::TestClock clock(start);
  test::Profile profile;
  renew_due(profile.bench(), {}, {});
  clock.go(hour);
  const auto other = profile.second_bench(Role::operator_, "oscar");
  heartbeat::begin(*other);
  heartbeat::end(*other, 1, "it failed");
  const auto beat = here(profile);
  CHECK(beat.actor == "oscar");
  CHECK(beat.exit == 1);
  CHECK(beat.succeeded_at == start);
}

TEST_CASE("hosts with certificates are told although nothing ever ran there; those that are gone are not") {
  test::TestClock clock(start);
  test::Profile profile;
  const auto insert = [&](std::string_view host, std::int64_t days_ago) {
    profile.db().run("INSERT INTO heartbeats (host, actor, started_at) VALUES ($1, 'root', $2)",
                     {host, to_micros(now() - days_ago * 24 * hour)});
  };
  insert("web1", 2);
  insert("gone", 31);
  insert("rare", 40);
  IssueRequest request;
  request.name = "db.example.com";
  const auto issue_at = [&](const std::string& name, std::string_view host) {
    request.name = name;
    issue(profile.bench(), {request}, {});
    profile.db().run("UPDATE certificates SET host = $2 WHERE name = $1", {name, host});
  };
  issue_at("db.example.com", "db1");
  issue_at("rare.example.com", "rare");
  std::vector<std::string> hosts;
  for (const auto& beat : heartbeat::all(profile.db(), now())) hosts.push_back(beat.host);
  CHECK(hosts == std::vector<std::string>{"db1", "rare", "web1"});
}
