#include "plain/values.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace ymgr::plain {
namespace {

using std::chrono::days;
using std::chrono::year_month_day;

bool is_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

constexpr std::pair<std::string_view, std::int64_t> number_words[] = {
    {"a", 1},         {"an", 1},      {"one", 1},      {"two", 2},     {"three", 3},   {"four", 4},
    {"five", 5},      {"six", 6},     {"seven", 7},    {"eight", 8},   {"nine", 9},    {"ten", 10},
    {"eleven", 11},   {"twelve", 12}, {"fifteen", 15}, {"twenty", 20}, {"thirty", 30}, {"forty-five", 45},
    {"fourteen", 14}, {"sixty", 60},  {"ninety", 90}};

std::optional<std::int64_t> number_of(std::string_view low) {
  if (is_digits(low)) return low.size() <= 6 ? parse_number(low) : std::nullopt;
  for (const auto& [word, value] : number_words)
    if (word == low) return value;
  return std::nullopt;
}

struct Unit {
  std::string_view name;
  std::int64_t factor;
  char letter;
};
/// A month is 30 days, as everywhere in ymgr.
constexpr Unit units[] = {{"minute", 1, 'm'}, {"min", 1, 'm'}, {"hour", 1, 'h'},   {"hr", 1, 'h'},   {"day", 1, 'd'},
                          {"week", 1, 'w'},   {"wk", 1, 'w'},  {"month", 30, 'd'}, {"year", 1, 'y'}, {"yr", 1, 'y'}};

const Unit* unit_of(std::string_view low) {
  if (low.ends_with("'")) low.remove_suffix(1);
  for (const auto& unit : units) {
    if (low == unit.name || (low.size() == unit.name.size() + 1 && low.starts_with(unit.name) && low.ends_with('s')))
      return &unit;
  }
  return nullptr;
}

Match duration_of(std::int64_t number, const Unit& unit, std::size_t end) {
  const std::string text = std::to_string(number * unit.factor) + unit.letter;
  if (ymgr::read_duration(text)) return {end, {{text}, ""}};
  return {end,
          {{text}, "'" + std::to_string(number) + " " + std::string(unit.name) + "s' is no usable time: how long?"}};
}

/// "90-day", "90days", "ninety-day", "90d".
std::optional<Match> joined_duration(const Word& word, std::size_t end) {
  const auto& low = word.low;
  const auto digits = std::min(low.find_first_not_of("0123456789"), low.size());
  auto split = digits > 0 ? digits : low.rfind('-');
  if (split == std::string::npos || split == 0 || split == low.size()) return std::nullopt;
  const auto number = number_of(low.substr(0, split));
  if (number && digits > 0 && ymgr::read_duration(word.text)) return Match{end, {{word.text}, ""}};
  if (low[split] == '-') ++split;
  const Unit* unit = unit_of(low.substr(split));
  return number && unit ? std::optional(duration_of(*number, *unit, end)) : std::nullopt;
}

std::string date_text(std::chrono::sys_days day) {
  return format_time(Time(day)).substr(0, 10);
}

/// The first day after it.
std::optional<std::chrono::sys_days> end_of(std::string_view period, Time now) {
  const auto today = std::chrono::floor<days>(now);
  const year_month_day date(today);
  if (period == "day") return today + days(1);
  if (period == "week") return today + days(8 - std::chrono::weekday(today).iso_encoding());
  if (period == "month") return std::chrono::sys_days((date.year() / date.month() + std::chrono::months(1)) / 1);
  if (period == "year") return std::chrono::sys_days((date.year() + std::chrono::years(1)) / 1 / 1);
  return std::nullopt;
}

std::optional<Match> read_period(std::span<const Word> words, std::size_t at, Time now) {
  if (words[at].low == "today") return Match{at + 1, {{date_text(*end_of("day", now))}, ""}};
  if (words[at].low != "this" || at + 1 >= words.size() || words[at + 1].low == "day") return std::nullopt;
  const auto end = end_of(words[at + 1].low, now);
  return end ? std::optional(Match{at + 2, {{date_text(*end)}, ""}}) : std::nullopt;
}

bool has_form_of_date(std::string_view text) {
  return text.size() == 10 && text[4] == '-' && text[7] == '-' && is_digits(text.substr(0, 4)) &&
         is_digits(text.substr(5, 2)) && is_digits(text.substr(8));
}

std::optional<Match> read_date(const Word& word, std::size_t at, Time now) {
  const auto today = std::chrono::floor<days>(now);
  if (word.low == "today") return Match{at + 1, {{date_text(today)}, ""}};
  if (word.low == "yesterday") return Match{at + 1, {{date_text(today - days(1))}, ""}};
  if (!has_form_of_date(word.low)) return std::nullopt;
  const auto part = [&](std::size_t from, std::size_t size) {
    return static_cast<int>(parse_number(word.low.substr(from, size)).value_or(0));
  };
  const year_month_day date(std::chrono::year(part(0, 4)), std::chrono::month(static_cast<unsigned>(part(5, 2))),
                            std::chrono::day(static_cast<unsigned>(part(8, 2))));
  if (date.ok() && part(0, 4) > 0) return Match{at + 1, {{word.low}, ""}};
  return Match{at + 1, {{word.low}, "there is no day " + word.low + ": which one?"}};
}

std::optional<Match> one(std::size_t at, std::string value) {
  return Match{at + 1, {{std::move(value)}, ""}};
}

std::optional<Match> read_serial(const Word& word, std::size_t at) {
  std::string_view text = word.low;
  if (text.starts_with('#')) text.remove_prefix(1);
  return is_digits(text) && text.size() <= 10 ? one(at, std::string(text)) : std::nullopt;
}

std::optional<Match> read_slot(const Word& word, std::size_t at) {
  constexpr std::string_view slots = "9a 9c 9d 9e 82 83 84 85 86 87 88 89 8a 8b 8c 8d 8e 8f 90 91 92 93 94 95";
  const bool known =
      word.low.size() == 2 && slots.find(word.low) != std::string_view::npos && word.low.find(' ') == std::string::npos;
  return known ? one(at, word.low) : std::nullopt;
}

std::optional<Match> read_label(const Word& word, std::size_t at) {
  const auto equals = word.text.find('=');
  const bool fits = !word.low.empty() && equals != std::string::npos && equals > 0 && equals + 1 < word.text.size() &&
                    word.text.find_first_of("{},'") == std::string::npos && is_utf8(word.text);
  return fits ? one(at, word.text) : std::nullopt;
}

std::optional<Match> read_user(const Word& word, std::size_t at) {
  if (word.kind == Word::Kind::quoted) return is_user(word.text) ? one(at, word.text) : std::nullopt;
  const bool fits = is_user(word.low) && !is_reserved(word.low) && !is_common(word.low) && !is_value(word);
  return fits ? one(at, word.low) : std::nullopt;
}

/// Where a certificate's name might stand, too: "alice", but not "web-1" or "api.example.com".
std::optional<Match> read_person(const Word& word, std::size_t at) {
  const bool mail = word.low.find('@') != std::string::npos;
  return mail || !is_name(word, Names::sure) ? read_user(word, at) : std::nullopt;
}

std::optional<Match> read_possessor(const Word& word, std::size_t at) {
  if (!word.low.ends_with("'s")) return std::nullopt;
  const Word owner{word.text.substr(0, word.text.size() - 2), word.low.substr(0, word.low.size() - 2)};
  return read_person(owner, at);
}

std::optional<Match> read_profile(const Word& word, std::size_t at) {
  constexpr std::string_view known[] = {"tls-server",   "tls-client", "service",  "email",
                                        "code-signing", "piv-auth",   "card-auth"};
  const bool ours = std::ranges::find(known, word.low) != std::end(known);
  const bool fits = ours || (is_name(word, Names::any) && word.low.find_first_of(".*@:{}_") == std::string::npos);
  return fits && !word.low.empty() ? one(at, word.low) : std::nullopt;
}

std::optional<Match> read_operation(const Word& word, std::size_t at) {
  const bool fits = (word.low.starts_with("req-") || word.low.starts_with("resume-")) && is_name(word, Names::any);
  return fits ? one(at, word.text) : std::nullopt;
}

std::optional<Match> read_domain(const Word& word, std::size_t at) {
  const bool fits = word.low.find('.') != std::string::npos && word.low.find_first_of("@*:{}") == std::string::npos;
  return fits && is_name(word, Names::sure) ? one(at, word.text) : std::nullopt;
}

/// A file, a folder or HOST:PORT: "/etc/ssl/shop.pem", "shop.example.com:443".
std::optional<Match> read_place(const Word& word, std::size_t at) {
  if (word.kind == Word::Kind::quoted) return is_name(word, Names::any) ? one(at, word.text) : std::nullopt;
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || is_digits({&c, 1}) || std::string_view("._/:-").find(c) != std::string_view::npos;
  };
  const bool whole = word.kind == Word::Kind::plain && std::ranges::all_of(word.low, fits) && !word.low.empty();
  return whole && word.low.find_first_of("./:") != std::string::npos && !is_value(word) && !is_common(word.low)
             ? one(at, word.text)
             : std::nullopt;
}

std::optional<Match> read_number(const Word& word, std::size_t at) {
  const auto number = number_of(word.low);
  return number && *number > 0 && word.low != "a" && word.low != "an" ? one(at, std::to_string(*number)) : std::nullopt;
}

}  // namespace

std::optional<Match> read_duration(std::span<const Word> words, std::size_t at) {
  const Word& word = words[at];
  if (word.low.empty()) return std::nullopt;
  const auto number = number_of(word.low);
  const Unit* unit = at + 1 < words.size() ? unit_of(words[at + 1].low) : nullptr;
  if (number && unit) return duration_of(*number, *unit, at + 2);
  return joined_duration(word, at + 1);
}

bool is_value(const Word& word) {
  const auto& low = word.low;
  if (low.empty()) return false;
  const auto digits = std::min(low.find_first_not_of("0123456789"), low.size());
  const auto rest = std::string_view(low).substr(digits);
  constexpr std::string_view after_numbers[] = {"",   "s",  "m",  "h",  "d",   "w",    "y",
                                                "st", "nd", "rd", "th", "bit", "-bit", "x"};
  if (digits > 0 && std::ranges::find(after_numbers, rest) != std::end(after_numbers)) return true;
  if (has_form_of_date(low) || low.find('=') != std::string::npos) return true;
  const std::span<const Word> alone(&word, 1);
  return read_duration(alone, 0) || read_algorithm(alone, 0);
}

std::optional<Match> read_value(std::string_view reader, std::span<const Word> words, std::size_t at, Time now) {
  const Word& word = words[at];
  if (reader == "{names}") return read_names(words, at, Names::any);
  if (reader == "{sure}") return read_names(words, at, Names::sure);
  if (reader == "{range}") return read_range(words, at);
  if (reader == "{name}") return is_name(word, Names::any) ? one(at, word.text) : std::nullopt;
  if (reader == "{duration}") return read_duration(words, at);
  if (reader == "{algorithm}") return read_algorithm(words, at);
  if (reader == "{period}") return read_period(words, at, now);
  if (reader == "{date}") return read_date(word, at, now);
  if (reader == "{text}") return word.kind == Word::Kind::quoted ? one(at, word.text) : std::nullopt;
  if (reader == "{user}") return read_user(word, at);
  if (reader == "{person}") return read_person(word, at);
  if (reader == "{owner's}") return read_possessor(word, at);
  if (reader == "{serial}") return read_serial(word, at);
  if (reader == "{slot}") return read_slot(word, at);
  if (reader == "{label}") return read_label(word, at);
  if (reader == "{profile}") return read_profile(word, at);
  if (reader == "{operation}") return read_operation(word, at);
  if (reader == "{place}") return read_place(word, at);
  if (reader == "{domain}") return read_domain(word, at);
  return reader == "{number}" ? read_number(word, at) : std::nullopt;
}

}  // namespace ymgr::plain
