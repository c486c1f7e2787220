#include "base/clock.hpp"

#include "support/thrown.hpp"

using namespace ymgr;
using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

TEST_CASE("times read RFC 3339 with any offset, and dates as their first instant in UTC") {
  struct Row {
    const char* text;
    std::int64_t micros;
  };
  const Row rows[] = {{"1970-01-01T00:00:00Z", 0},
                      {"1970-01-01", 0},
                      {"2026-03-15T14:32:00Z", 1'773'585'120'000'000},
                      {"2026-03-15t14:32:00z", 1'773'585'120'000'000},
                      {"2026-03-15T16:32:00+02:00", 1'773'585'120'000'000},
                      {"2026-03-15T09:02:00-05:30", 1'773'585'120'000'000},
                      {"2026-03-15T14:32:00-00:00", 1'773'585'120'000'000},
                      {"2026-03-15T14:32:00.25Z", 1'773'585'120'250'000},
                      {"2026-03-15T14:32:00.1234567Z", 1'773'585'120'123'456},
                      {"2024-02-29", 1'709'164'800'000'000},
                      {"1969-12-31T23:59:59.5Z", -500'000},
                      {"0001-01-01", -62'135'596'800'000'000},
                      {"9999-12-31T23:59:59Z", 253'402'300'799'000'000}};
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(to_micros(parse_time(row.text)) == row.micros);
  }
}

TEST_CASE("impossible and unclear times are refused") {
  for (const char* text : {"",
                           "2026",
                           "2026-3-15",
                           "2026-02-29",
                           "2026-13-01",
                           "2026-00-10",
                           "2026-04-31",
                           "0000-01-01",
                           "2026-03-15T",
                           "2026-03-15T14:32:00",
                           "2026-03-15T24:00:00Z",
                           "2026-03-15T14:60:00Z",
                           "2026-06-30T23:59:60Z",
                           "2026-03-15T14:32:00.Z",
                           "2026-03-15T14:32Z",
                           "2026-03-15 14:32:00Z",
                           "2026-03-15T14:32:00+2:00",
                           "2026-03-15T14:32:00+24:00",
                           "2026-03-15T14:32:00+02",
                           "2026-03-15T14:32:00ZZ",
                           " 2026-03-15",
                           "2026-03-15 ",
                           "+026-03-15",
                           "2026-03--5",
                           "15.03.2026",
                           "9999-12-31T23:59:59-00:01",
                           "0001-01-01T00:00:00+00:01",
                           "tomorrow"}) {
    CAPTURE(text);
    CHECK(code_of([&] { parse_time(text); }) == Code::time_invalid);
  }
}

TEST_CASE("times are written in whole seconds of UTC") {
  CHECK(format_time(from_micros(1'773'585'120'999'999)) == "2026-03-15T14:32:00Z");
  CHECK(format_time(from_micros(-1)) == "1969-12-31T23:59:59Z");
  CHECK(format_time(from_seconds(0)) == "1970-01-01T00:00:00Z");
  CHECK(format_compact(from_seconds(1'773'585'120)) == "20260315143200");
  CHECK(to_seconds(from_micros(-1)) == -1);
  CHECK(floor_seconds(from_micros(1'500'000)) == from_seconds(1));
}

// Values as `systemd-analyze timespan` has them; a year is 365 days here and 365.25 there.
TEST_CASE("durations read numbers with units in falling order") {
  struct Row {
    const char* text;
    seconds want;
  };
  const Row rows[] = {{"90d", days(90)},      {"36h", hours(36)},
                      {"1h30m", minutes(90)}, {"2w", days(14)},
                      {"1y", days(365)},      {"1s", seconds(1)},
                      {"5m", minutes(5)},     {"1w2d3h4m5s", days(9) + hours(3) + minutes(4) + seconds(5)},
                      {"007d", days(7)},      {"100y", days(36500)},
                      {"0h30m", minutes(30)}, {"90000s", seconds(90000)}};
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(parse_duration(row.text) == Duration(row.want));
  }
}

TEST_CASE("durations that are unclear, zero, negative or endless are refused") {
  for (const char* text : {"",
                           "90",
                           "d",
                           "M",
                           "3M",
                           "90D",
                           "1.5h",
                           "-1d",
                           "+1d",
                           "0d",
                           "0s",
                           "1h 30m",
                           " 1d",
                           "1d ",
                           "30m1h",
                           "1d1d",
                           "1h30",
                           "100y1s",
                           "101y",
                           "99999999999999999999d",
                           "9223372036854775807y",
                           "1month",
                           "1µs",
                           "90 d"}) {
    CAPTURE(text);
    CHECK(code_of([&] { parse_duration(text); }) == Code::duration_invalid);
    CHECK_FALSE(read_duration(text));
  }
  CHECK(thrown([] { parse_duration("3M"); })->hint().find("30d") != std::string::npos);
}

TEST_CASE("durations are written with days as the largest unit") {
  const std::pair<Duration, const char*> rows[] = {
      {days(90), "90d"},    {minutes(90), "1h30m"}, {days(365), "365d"},           {hours(36), "1d12h"},
      {seconds(59), "59s"}, {Duration(0), "0s"},    {Duration(999'999), "0s"},     {-hours(1), "-1h"},
      {days(7), "7d"},      {-Duration(1), "0s"},   {days(1) + seconds(1), "1d1s"}};
  for (const auto& [duration, want] : rows) CHECK(format_duration(duration) == want);
}

TEST_CASE("distances are told in the largest unit that fits") {
  const Time t = from_seconds(1'000'000'000);
  const std::pair<Duration, const char*> rows[] = {
      {days(28), "in 28 days"},   {-hours(3), "3 hours ago"},  {days(1) + hours(5), "in 1 day"},
      {seconds(0), "now"},        {seconds(1), "in 1 second"}, {-minutes(59), "59 minutes ago"},
      {days(729), "in 729 days"}, {days(730), "in 2 years"},   {Duration(10), "now"},
      {hours(24), "in 1 day"},    {minutes(60), "in 1 hour"},  {-seconds(119), "1 minute ago"}};
  for (const auto& [distance, want] : rows) CHECK(describe_distance(t, t + distance) == want);
}

TEST_CASE("renew-before is a duration or a share of the life") {
  const Time begin = from_seconds(0), end = begin + days(90);
  CHECK(parse_renew_before("30d").due_at(begin, end) == end - days(30));
  CHECK(parse_renew_before("33%").percent == 33);
  CHECK(parse_renew_before("33%").due_at(begin, end) == end - Duration(days(90)) * 33 / 100);
  CHECK(format_renew_before(parse_renew_before("33%")) == "33%");
  CHECK(format_renew_before(parse_renew_before("30d")) == "30d");
  for (const char* text : {"", "%", "0%", "100%", "-1%", "33.3%", "33 %", "33%%", "a%", "30"}) {
    CAPTURE(text);
    CHECK(code_of([&] { parse_renew_before(text); }) == Code::duration_invalid);
  }
  const Time last = parse_time("9999-12-31T23:59:59Z");
  CHECK(parse_renew_before("50%").due_at(begin, last) > begin);
}

TEST_CASE("by default a certificate is due at the smaller of a third of its life and 30 days, short ones at half") {
  const Time begin = from_seconds(0);
  const std::pair<Duration, Duration> rows[] = {
      {days(365), days(30)}, {days(100), days(30)},   {days(90), Duration(days(90)) * 33 / 100},
      {days(10), days(5)},   {hours(1), minutes(30)}, {days(11), Duration(days(11)) * 33 / 100}};
  for (const auto& [life, left] : rows) CHECK(default_due_at(begin, begin + life) == begin + life - left);
}

TEST_CASE("a pause waits, and tests can have it not wait") {
  const auto begin = std::chrono::steady_clock::now();
  pause(std::chrono::milliseconds(60));
  CHECK(std::chrono::steady_clock::now() - begin >= std::chrono::milliseconds(60));
  static Duration asked{};
  set_pause([](Duration time) { asked = time; });
  pause(days(1));
  set_pause(nullptr);
  CHECK(asked == Duration(days(1)));
}

TEST_CASE("the clock can be replaced and given back") {
  set_clock([] { return from_seconds(42); });
  CHECK(now() == from_seconds(42));
  set_clock(nullptr);
  CHECK(now() > parse_time("2024-01-01"));
}
