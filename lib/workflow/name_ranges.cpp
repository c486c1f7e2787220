#include <cstdint>

#include "base/error.hpp"
#include "base/text.hpp"
#include "workflow/batch.hpp"

namespace ymgr {
namespace {

[[noreturn]] void refuse(std::string_view pattern, std::size_t column, std::string message) {
  throw Error(Code::usage, printable(pattern) + ", column " + std::to_string(column + 1) + ": " + message,
              "write {1..10}, {01..10} or {a,b,c}");
}

/// "1..10", "01..10", "1..9..2"; false: not a range at all.
bool expand_range(std::string_view pattern, std::size_t column, std::string_view body,
                  std::vector<std::string>& words) {
  const auto dots = body.find("..");
  if (dots == std::string_view::npos) return false;
  const auto rest = body.substr(dots + 2);
  const auto more = rest.find("..");
  const auto first = body.substr(0, dots), last = rest.substr(0, more);
  const auto from = parse_number(first), to = parse_number(last);
  const auto step =
      more == std::string_view::npos ? std::optional<std::int64_t>(1) : parse_number(rest.substr(more + 2));
  if (!from || !to || !step || *step == 0) refuse(pattern, column, "a range is two whole numbers");
  if (*to < *from) refuse(pattern, column, "the range runs backwards");
  if ((*to - *from) / *step >= static_cast<std::int64_t>(max_batch)) refuse(pattern, column, "more than 100,000 names");
  const bool padded = (first.size() > 1 && first.front() == '0') || (last.size() > 1 && last.front() == '0');
  const std::size_t width = padded ? std::max(first.size(), last.size()) : 0;
  for (std::int64_t n = *from; n <= *to; n += *step) {
    std::string word = std::to_string(n);
    if (word.size() < width) word.insert(0, width - word.size(), '0');
    words.push_back(std::move(word));
  }
  return true;
}

std::vector<std::string> words_of(std::string_view pattern, std::size_t open, std::string_view body) {
  std::vector<std::string> words;
  if (expand_range(pattern, open, body, words)) return words;
  words = split(body, ',');
  if (words.size() < 2) refuse(pattern, open, "a list has two words or more");
  for (const auto& word : words)
    if (word.empty()) refuse(pattern, open, "an empty word in the list");
  return words;
}

}  // namespace

std::vector<std::string> expand_names(std::string_view pattern) {
  std::vector<std::string> names{""};
  std::size_t at = 0;
  while (at < pattern.size()) {
    const auto open = pattern.find_first_of("{}", at);
    for (auto& name : names) name += pattern.substr(at, open == std::string_view::npos ? open : open - at);
    if (open == std::string_view::npos) break;
    if (pattern[open] == '}') refuse(pattern, open, "a brace that was never opened");
    const auto close = pattern.find_first_of("{}", open + 1);
    if (close == std::string_view::npos || pattern[close] == '{') refuse(pattern, open, "the brace is not closed");
    const auto words = words_of(pattern, open, pattern.substr(open + 1, close - open - 1));
    if (names.size() * words.size() > max_batch) refuse(pattern, open, "more than 100,000 names");
    std::vector<std::string> longer;
    longer.reserve(names.size() * words.size());
    for (const auto& name : names)
      for (const auto& word : words) longer.push_back(name + word);
    names = std::move(longer);
    at = close + 1;
  }
  return names;
}

}  // namespace ymgr
