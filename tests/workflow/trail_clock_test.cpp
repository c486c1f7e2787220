#include "workflow/trail_clock.hpp"

#include <doctest/doctest.h>

#include "audit/audit.hpp"
#include "support/profile.hpp"
#include "support/test_clock.hpp"
#include "support/thrown.hpp"

namespace ymgr {
namespace {

constexpr Duration day = std::chrono::hours(24);
const Time start = from_seconds(1'900'000'000);

void append(test::Profile& profile, std::string event, Json data) {
  profile.db().transaction(sql::Access::write, [&] {
    audit::append(profile.db(), "alice", {{{}, std::move(event), "", std::move(data)}}, nullptr);
  });
}

TEST_CASE("a clock that events are ahead of counts once an admin has said so") {
  test::TestClock clock(start + day);
  test::Profile profile(Role::admin, "alice", sql::Dialect::sqlite);
  append(profile, "ahead", Json::object());
  const auto found = [&] { return trail_clock(profile.db(), now()); };
  CHECK_FALSE(found().is_behind);
  clock.set(start);
  CHECK(found().is_behind);
  CHECK(found().accepted_by.empty());
  CHECK_CODE(check_clock(profile.db()), Code::clock_set_back);
  accept_clock(profile.db(), profile.bench().session);
  CHECK(found().accepted_by == "alice");
  check_clock(profile.db());
  clock.go(-day);
  CHECK(found().accepted_by.empty());
}

TEST_CASE("what says no time accepts no clock") {
  const Json rows[] = {Json(), Json("clock"), Json::texts({"clock"}), Json::object({{"clock", 5}}),
                       Json::object({{"clock", "yesterday"}})};
  for (const auto& row : rows) {
    CAPTURE(dump_json(row));
    test::TestClock clock(start + day);
    test::Profile profile(Role::admin, "alice", sql::Dialect::sqlite);
    append(profile, "clock.accepted", row);
    clock.set(start);
    CHECK(trail_clock(profile.db(), now()).accepted_by.empty());
    CHECK_CODE(check_clock(profile.db()), Code::clock_set_back);
  }
}

}  // namespace
}  // namespace ymgr
