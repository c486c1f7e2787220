#include "plain/match.hpp"

#include <set>

#include "base/text.hpp"
#include "plain/values.hpp"

namespace ymgr::plain {
namespace {

/// Calls `each` with every word of "a|b|<group>".
template <class Each>
void each_choice(std::string_view choices, const Each& each) {
  for (std::size_t at = 0; at <= choices.size();) {
    const auto end = std::min(choices.find('|', at), choices.size());
    const auto choice = choices.substr(at, end - at);
    if (choice.starts_with('<')) {
      each_choice(group(choice), each);
    } else {
      each(choice);
    }
    at = end + 1;
  }
}

bool is_choice(std::string_view choices, const Word& word) {
  bool found = false;
  each_choice(choices, [&](std::string_view choice) { found |= !word.low.empty() && choice == word.low; });
  return found;
}

std::string_view next_element(std::string_view& pattern) {
  const auto end = std::min(pattern.find(' '), pattern.size());
  const auto element = pattern.substr(0, end);
  pattern.remove_prefix(std::min(end + 1, pattern.size()));
  return element;
}

std::optional<Match> longer(std::optional<Match> a, std::optional<Match> b) {
  if (!a || !b) return a ? std::move(a) : std::move(b);
  return b->end > a->end ? std::move(b) : std::move(a);
}

std::optional<Match> fit(std::string_view pattern, std::span<const Word> words, std::size_t at, Time now,
                         const Captured& so_far) {
  if (pattern.empty()) return Match{at, so_far};
  const auto element = next_element(pattern);
  if (element.starts_with('[')) {
    const bool fits = at < words.size() && is_choice(element.substr(1, element.size() - 2), words[at]);
    auto without = fit(pattern, words, at, now, so_far);
    return fits ? longer(fit(pattern, words, at + 1, now, so_far), std::move(without)) : without;
  }
  if (at >= words.size()) return std::nullopt;
  if (!element.starts_with('{'))
    return is_choice(element, words[at]) ? fit(pattern, words, at + 1, now, so_far) : std::nullopt;
  auto read = read_value(element, words, at, now);
  return read ? fit(pattern, words, read->end, now, read->captured) : std::nullopt;
}

void reserve(std::set<std::string_view>& all, std::string_view pattern) {
  while (!pattern.empty()) {
    auto element = next_element(pattern);
    if (element.starts_with('{')) continue;
    if (element.starts_with('[')) element = element.substr(1, element.size() - 2);
    each_choice(element, [&](std::string_view choice) { all.insert(choice); });
  }
}

std::set<std::string_view> all_words() {
  std::set<std::string_view> all;
  for (const auto& rule : fillers()) reserve(all, rule.pattern);
  for (const auto& verb : verbs()) reserve(all, verb.pattern);
  for (const auto& noun : nouns()) reserve(all, noun.pattern);
  for (const auto& action : actions()) {
    if (!action.intent) continue;
    for (const auto& table : action.intent->rules)
      for (const auto& rule : table) reserve(all, rule.pattern);
  }
  return all;
}

}  // namespace

std::optional<Match> match(std::string_view pattern, std::span<const Word> words, std::size_t at, Time now) {
  auto found = fit(pattern, words, at, now, {});
  if (found && found->end == at) return std::nullopt;
  return found;
}

bool is_reserved(std::string_view low) {
  static const std::set<std::string_view> all = all_words();
  return all.contains(low);
}

}  // namespace ymgr::plain
