#include "base/clock.hpp"

#include <time.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>

#include "base/error.hpp"
#include "base/interrupt.hpp"
#include "base/text.hpp"

namespace ymgr {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constinit std::atomic<ClockSource> clock_source{nullptr};
constinit std::atomic<Pause> pause_instead{nullptr};

struct Civil {
  int year;
  unsigned month, day;
  long long hour, minute, second;
};

Civil civil(Time t) noexcept {
  const auto day = std::chrono::floor<days>(t);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<seconds>(t - day));
  return {static_cast<int>(date.year()),     static_cast<unsigned>(date.month()),
          static_cast<unsigned>(date.day()), clock.hours().count(),
          clock.minutes().count(),           clock.seconds().count()};
}

std::string print(const char* format, Time t) {
  const Civil c = civil(t);
  std::array<char, 48> out{};
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  const int size = std::snprintf(out.data(), out.size(), format, c.year, c.month, c.day, c.hour, c.minute, c.second);
#pragma GCC diagnostic pop
  return {out.data(), static_cast<std::size_t>(size)};
}

// Takes fields of fixed width off the front of a text.
class Fields {
 public:
  explicit Fields(std::string_view text) noexcept : rest_(text) {}
  bool done() const noexcept { return rest_.empty(); }
  std::optional<int> digits(std::size_t width) noexcept {
    const auto number = rest_.size() < width ? std::nullopt : parse_number(rest_.substr(0, width));
    if (!number) return std::nullopt;
    rest_.remove_prefix(width);
    return static_cast<int>(*number);
  }
  bool skip(char c) noexcept {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  std::string_view take_digits() noexcept {
    const auto size = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
    const auto taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }

 private:
  std::string_view rest_;
};

std::optional<Time> read_date(Fields& in) noexcept {
  const auto year = in.digits(4);
  if (!year || !in.skip('-')) return std::nullopt;
  const auto month = in.digits(2);
  if (!month || !in.skip('-')) return std::nullopt;
  const auto day = in.digits(2);
  if (!day || *year == 0) return std::nullopt;
  const std::chrono::year_month_day date(std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day)));
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date);
}

std::optional<Duration> read_hour_minute(Fields& in) noexcept {
  const auto hour = in.digits(2);
  if (!hour || *hour > 23 || !in.skip(':')) return std::nullopt;
  const auto minute = in.digits(2);
  if (!minute || *minute > 59) return std::nullopt;
  return hours(*hour) + minutes(*minute);
}

std::optional<Duration> read_fraction(Fields& in) noexcept {
  if (!in.skip('.')) return Duration{};
  const std::string_view digits = in.take_digits();
  if (digits.empty()) return std::nullopt;
  std::int64_t micros = 0;
  for (std::size_t i = 0; i < 6; ++i) micros = micros * 10 + (i < digits.size() ? digits[i] - '0' : 0);
  return Duration(micros);
}

std::optional<Duration> read_offset(Fields& in) noexcept {
  if (in.skip('Z') || in.skip('z')) return Duration{};
  const bool east = in.skip('+');
  if (!east && !in.skip('-')) return std::nullopt;
  const auto size = read_hour_minute(in);
  if (!size) return std::nullopt;
  return east ? *size : -*size;
}

std::optional<Duration> read_time_of_day(Fields& in) noexcept {
  const auto clock = read_hour_minute(in);
  if (!clock || !in.skip(':')) return std::nullopt;
  const auto second = in.digits(2);
  if (!second || *second > 59) return std::nullopt;
  const auto fraction = read_fraction(in);
  if (!fraction) return std::nullopt;
  const auto offset = read_offset(in);
  if (!offset) return std::nullopt;
  return *clock + seconds(*second) + *fraction - *offset;
}

std::optional<Time> read_time(std::string_view text) noexcept {
  Fields in(text);
  const auto date = read_date(in);
  if (!date || in.done()) return date;
  if (!in.skip('T') && !in.skip('t')) return std::nullopt;
  const auto of_day = read_time_of_day(in);
  if (!of_day || !in.done()) return std::nullopt;
  const Time result = *date + *of_day;
  const int year = civil(result).year;
  return year >= 1 && year <= 9999 ? std::optional(result) : std::nullopt;
}

struct Unit {
  char letter;
  seconds size;
};
constexpr Unit units[] = {{'y', days(365)}, {'w', days(7)},    {'d', days(1)},
                          {'h', hours(1)},  {'m', minutes(1)}, {'s', seconds(1)}};
constexpr seconds longest = days(36500);

}  // namespace

Time now() {
  const ClockSource source = clock_source.load(std::memory_order_relaxed);
  return source != nullptr ? source() : std::chrono::floor<Duration>(std::chrono::system_clock::now());
}

void set_clock(ClockSource source) noexcept {
  clock_source.store(source, std::memory_order_relaxed);
}

void pause(Duration time) {
  throw_if_interrupted();
  if (const Pause instead = pause_instead.load(std::memory_order_relaxed)) return instead(time);
  constexpr Duration slice = std::chrono::milliseconds(50);  // signals reach the main thread only
  for (const auto end = std::chrono::steady_clock::now() + time;;) {
    const auto left = std::chrono::duration_cast<Duration>(end - std::chrono::steady_clock::now());
    if (left <= Duration{}) return;
    const timespec rest{.tv_sec = 0, .tv_nsec = static_cast<long>(std::min(left, slice).count() * 1000)};
    ::nanosleep(&rest, nullptr);
    throw_if_interrupted();
  }
}

void set_pause(Pause instead) noexcept {
  pause_instead.store(instead, std::memory_order_relaxed);
}

std::string format_time(Time t) {
  return print("%04d-%02u-%02uT%02lld:%02lld:%02lldZ", t);
}

std::string format_compact(Time t) {
  return print("%04d%02u%02u%02lld%02lld%02lld", t);
}

Time parse_time(std::string_view text) {
  if (const auto time = read_time(text)) return *time;
  throw Error(Code::time_invalid, "not a time: \"" + printable(text) + "\"",
              "write RFC 3339 in UTC (2026-03-15T00:00:00Z) or a date (2026-03-15)");
}

std::optional<Duration> read_duration(std::string_view text) noexcept {
  seconds total{};
  const Unit* next_unit = std::begin(units);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find_first_not_of("0123456789", at), text.size());
    const auto number = parse_number(text.substr(at, end - at));
    if (!number || end == text.size()) return std::nullopt;
    const Unit* unit = std::find_if(next_unit, std::end(units), [&](const Unit& u) { return u.letter == text[end]; });
    if (unit == std::end(units) || *number > longest / unit->size) return std::nullopt;
    total += *number * unit->size;
    next_unit = unit + 1;
    at = end + 1;
  }
  if (total <= seconds(0) || total > longest) return std::nullopt;
  return total;
}

Duration parse_duration(std::string_view text) {
  if (const auto duration = read_duration(text)) return *duration;
  const bool month = !text.empty() && text.back() == 'M';
  throw Error(Code::duration_invalid, "not a duration: \"" + printable(text) + "\"",
              month ? "M (month) is not a unit here: write 30d for a month, or m for minutes"
                    : "write numbers with units s, m, h, d, w, y, such as 90d or 1h30m, up to 100y");
}

std::string format_duration(Duration d) {
  auto rest = std::chrono::duration_cast<seconds>(d < Duration{} ? -d : d);
  std::string out = d < Duration{} && rest.count() != 0 ? "-" : "";
  for (const Unit& unit : std::span(units).subspan(2)) {
    if (rest < unit.size) continue;
    out += std::to_string(rest / unit.size) + unit.letter;
    rest %= unit.size;
  }
  return out.empty() ? "0s" : out;
}

std::string describe_distance(Time from, Time to) {
  const Duration distance = to > from ? to - from : from - to;
  struct Step {
    seconds from, size;
    const char* name;
  };
  constexpr Step steps[] = {{days(730), days(365), "year"},
                            {days(1), days(1), "day"},
                            {hours(1), hours(1), "hour"},
                            {minutes(1), minutes(1), "minute"},
                            {seconds(1), seconds(1), "second"}};
  for (const Step& step : steps) {
    if (distance < step.from) continue;
    const auto count = distance / Duration(step.size);
    const std::string words = std::to_string(count) + " " + step.name + (count == 1 ? "" : "s");
    return to > from ? "in " + words : words + " ago";
  }
  return "now";
}

Time RenewBefore::due_at(Time not_before, Time not_after) const noexcept {
  return not_after - (percent > 0 ? (not_after - not_before) / 100 * percent : fixed);
}

RenewBefore parse_renew_before(std::string_view text) {
  if (!text.ends_with('%')) return {parse_duration(text), 0};
  const auto percent = parse_number(text.substr(0, text.size() - 1));
  if (!percent || *percent < 1 || *percent > 99) {
    throw Error(Code::duration_invalid, "not a share of the life: \"" + printable(text) + "\"",
                "write 1% to 99%, or a duration such as 30d");
  }
  return {Duration{}, static_cast<int>(*percent)};
}

std::string format_renew_before(const RenewBefore& value) {
  return value.percent > 0 ? std::to_string(value.percent) + "%" : format_duration(value.fixed);
}

Time default_due_at(Time not_before, Time not_after) noexcept {
  const Duration life = not_after - not_before;
  if (life <= days(10)) return not_after - life / 2;
  return not_after - std::min<Duration>(life / 100 * 33, days(30));
}

}  // namespace ymgr
