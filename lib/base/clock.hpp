// Time as the whole program has it: microseconds since the epoch, UTC.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ymgr {

using Duration = std::chrono::microseconds;
using Time = std::chrono::sys_time<Duration>;

/// The wall clock, or what set_clock named.
Time now();
using ClockSource = Time (*)();
/// For tests and the failpoint build only. nullptr: the wall clock again.
void set_clock(ClockSource source) noexcept;

/// Waits that long, or until a signal has arrived. @throws Error interrupted
void pause(Duration time);
using Pause = void (*)(Duration);
/// For tests only: called instead of waiting. nullptr: waits again.
void set_pause(Pause instead) noexcept;

constexpr std::int64_t to_micros(Time t) noexcept {
  return t.time_since_epoch().count();
}
constexpr Time from_micros(std::int64_t us) noexcept {
  return Time(Duration(us));
}
constexpr Time from_seconds(std::int64_t s) noexcept {
  return Time(std::chrono::seconds(s));
}
constexpr Time floor_seconds(Time t) noexcept {
  return std::chrono::floor<std::chrono::seconds>(t);
}
constexpr std::int64_t to_seconds(Time t) noexcept {
  return std::chrono::floor<std::chrono::seconds>(t).time_since_epoch().count();
}

/// RFC 3339 in UTC, whole seconds: 2026-03-15T14:32:00Z.
std::string format_time(Time t);
/// 20260315143200, as ids have it.
std::string format_compact(Time t);
/// RFC 3339 (any offset, fractions to the microsecond), or a date, which means its first instant in UTC. Years 0001 to
/// 9999; a leap second is refused.
/// @throws Error time-invalid
Time parse_time(std::string_view text);

/// "90d", "36h", "1h30m", "2w", "1y" (365 d); units s m h d w y. M (month) and bare numbers are refused.
/// Several units stand in falling order, each once.
/// @throws Error duration-invalid: also zero, negative, or above 100 years
Duration parse_duration(std::string_view text);
/// nullopt where parse_duration throws.
std::optional<Duration> read_duration(std::string_view text) noexcept;
/// Days, hours, minutes, whole seconds, without those that are zero: "90d", "1h30m"; "0s".
std::string format_duration(Duration d);
/// For people: "in 28 days", "3 hours ago".
std::string describe_distance(Time from, Time to);

/// `--renew-before`: a duration, or a share of the life: "30d", "33%".
struct RenewBefore {
  Duration fixed{};  // zero when percent is set
  int percent = 0;   // 1..99
  /// The instant from which the certificate is due.
  Time due_at(Time not_before, Time not_after) const noexcept;
};
/// @throws Error duration-invalid
RenewBefore parse_renew_before(std::string_view text);
std::string format_renew_before(const RenewBefore& value);
/// The smaller of 33% of life and 30 days; half of the life when it is 10 days or less.
Time default_due_at(Time not_before, Time not_after) noexcept;

}  // namespace ymgr
