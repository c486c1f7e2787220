// The readers behind "{duration}" and the like in the patterns.
#pragma once
#include <optional>

#include "plain/match.hpp"

namespace ymgr::plain {

/// {duration} {period} {date} {algorithm} {number} {serial} {slot} {label} {operation} {text} {event} {place}
/// {names} {sure} {range} {name} {domain} {user} {person} {owner's} {profile}. @return what it takes from `at` on; nullopt: it does not fit
std::optional<Match> read_value(std::string_view reader, std::span<const Word> words, std::size_t at, Time now);

/// "90d" of "90 days", "3-month", "a year"; a month is 30 days. nullopt: none.
std::optional<Match> read_duration(std::span<const Word> words, std::size_t at);
/// "rsa-4096" of "RSA 4096", "4096-bit RSA"; asks where "RSA" or "elliptic curve" stands alone.
std::optional<Match> read_algorithm(std::span<const Word> words, std::size_t at);
/// Looks like something else than a name: "90d", "p-256", "4096-bit", "2026-03-15", "12345678".
bool is_value(const Word& word);

enum class Names { any, sure };  // sure: with a digit, dot, dash or the like in it, or quoted
/// A list of names and ranges ("api-1 through api-10", "a, b and c").
std::optional<Match> read_names(std::span<const Word> words, std::size_t at, Names which);
std::optional<Match> read_range(std::span<const Word> words, std::size_t at);
bool is_name(const Word& word, Names which);
bool is_user(std::string_view text);

/// The names of "api-{1..10}" as read_names writes ranges; itself where there are no braces. Empty: more than `most`.
std::vector<std::string> expand(std::string_view name, std::size_t most);

/// "dns:www.example.com": the kind that the text looks like.
std::string as_san(std::string_view name);

}  // namespace ymgr::plain
