#include <algorithm>

#include "base/text.hpp"
#include "plain/values.hpp"

namespace ymgr::plain {
namespace {

constexpr std::size_t longest_name = 253;
constexpr std::int64_t most_names = 100'000;
constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz";
constexpr std::string_view digits = "0123456789";

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_plain_name(std::string_view text) {
  const auto fits = [](char c) {
    return is_letter(c) || is_digit(c) || std::string_view("._@*:{},-").find(c) != std::string_view::npos;
  };
  return !text.empty() && text.size() <= longest_name && std::ranges::all_of(text, fits) &&
         (is_letter(text.front()) || is_digit(text.front()) || text.front() == '*' || text.front() == '{');
}

/// Words such as "quickly" and "testing" say how or what, not whose.
bool is_like_english(std::string_view low) {
  return low.size() < 2 || low.ends_with("ly") || low.ends_with("ing") || low.find('\'') != std::string_view::npos;
}

bool is_one_of(const Word& word, std::initializer_list<std::string_view> choices) {
  return std::ranges::find(choices, std::string_view(word.low)) != choices.end();
}

struct Ends {
  std::string prefix, first, last, suffix;
};

Match no_range(const std::string& first, const std::string& last, std::size_t end) {
  return {end, {{first}, "'" + first + "' to '" + last + "' is no range that I can count: which names?"}};
}

/// Every place where the two differ in one number only.
std::vector<Ends> numbered(std::string_view a, std::string_view b) {
  std::vector<Ends> found;
  const bool bare = b.find_first_not_of(digits) == std::string_view::npos;
  for (std::size_t at = a.find_first_of(digits); at != std::string_view::npos;) {
    const auto end = std::min(a.find_first_not_of(digits, at), a.size());
    const auto prefix = a.substr(0, at), suffix = a.substr(end);
    if (bare) {
      found.push_back({std::string(prefix), std::string(a.substr(at, end - at)), std::string(b), std::string(suffix)});
    } else if (b.size() > prefix.size() + suffix.size() && b.starts_with(prefix) && b.ends_with(suffix)) {
      const auto middle = b.substr(prefix.size(), b.size() - prefix.size() - suffix.size());
      if (middle.find_first_not_of(digits) == std::string_view::npos)
        found.push_back(
            {std::string(prefix), std::string(a.substr(at, end - at)), std::string(middle), std::string(suffix)});
    }
    at = a.find_first_of(digits, end);
  }
  return found;
}

/// "node-a" and "node-f", or "f".
std::optional<Ends> lettered(std::string_view a, std::string_view b) {
  const auto ends_in_letter = [](std::string_view text) {
    return text.size() > 2 && text[text.size() - 2] == '-' && letters.find(text.back()) != std::string_view::npos;
  };
  if (!ends_in_letter(a)) return std::nullopt;
  const auto prefix = a.substr(0, a.size() - 1);
  const bool alone = b.size() == 1 && letters.find(b.front()) != std::string_view::npos;
  if (!alone && !(ends_in_letter(b) && b.substr(0, b.size() - 1) == prefix)) return std::nullopt;
  return Ends{std::string(prefix), std::string(1, a.back()), std::string(1, b.back()), ""};
}

bool rises(const Ends& ends) {
  if (!is_digit(ends.first[0])) return ends.first < ends.last;
  const bool padded = (ends.first.size() > 1 && ends.first[0] == '0') || (ends.last.size() > 1 && ends.last[0] == '0');
  if (padded && ends.first.size() != ends.last.size()) return false;
  if (ends.first.size() > 9 || ends.last.size() > 9) return false;
  const auto first = *parse_number(ends.first), last = *parse_number(ends.last);
  return first < last && last - first < most_names;
}

Match range_of(const std::string& a, const std::string& b, std::size_t end) {
  auto found = numbered(a, b);
  if (const auto by_letter = lettered(a, b)) found.push_back(*by_letter);
  if (found.size() != 1 || !rises(found.front())) return no_range(a, b, end);
  const Ends& ends = found.front();
  return {end, {{ends.prefix + "{" + ends.first + ".." + ends.last + "}" + ends.suffix}, ""}};
}

/// "api-1..api-10" in one word.
std::optional<Match> joined_range(const Word& word, std::size_t at) {
  const auto dots = word.text.find("..");
  if (dots == std::string::npos || word.text.find('{') != std::string::npos || !is_plain_name(word.text))
    return std::nullopt;
  const auto after = word.text.find_first_not_of('.', dots);
  if (dots == 0 || after == std::string::npos) return std::nullopt;
  return range_of(word.text.substr(0, dots), word.text.substr(after), at + 1);
}

bool is_end_of_range(std::span<const Word> words, std::size_t at) {
  const Word& word = words[at];
  if (word.kind != Word::Kind::plain || read_duration(words, at)) return false;
  const bool number = word.low.size() <= 9 && word.low.find_first_not_of(digits) == std::string::npos;
  const bool letter = word.low.size() == 1 && letters.find(word.low.front()) != std::string_view::npos;
  return number || letter || is_name(word, Names::any);
}

struct Item {
  std::string text, question;
  std::size_t end;
};

std::optional<Item> read_item(std::span<const Word> words, std::size_t at, Names which) {
  if (at >= words.size()) return std::nullopt;
  if (auto range = read_range(words, at))
    return Item{range->captured.values.front(), range->captured.question, range->end};
  if (!is_name(words[at], which)) return std::nullopt;
  return Item{words[at].text, "", at + 1};
}

/// Behind ",", "and", ", and".
std::size_t after_separator(std::span<const Word> words, std::size_t at) {
  auto next = at;
  if (next < words.size() && words[next].kind == Word::Kind::mark && words[next].text == ",") ++next;
  if (next < words.size() && is_one_of(words[next], {"and", "plus"})) ++next;
  return next;
}

}  // namespace

bool is_user(std::string_view text) {
  constexpr std::string_view more = ".-_@";
  const auto fits = [&](char c) {
    return letters.find(c) != std::string_view::npos || is_digit(c) || more.find(c) != std::string_view::npos;
  };
  return !text.empty() && text.size() <= 64 && letters.find(text.front()) != std::string_view::npos &&
         std::ranges::all_of(text, fits);
}

bool is_name(const Word& word, Names which) {
  if (word.kind == Word::Kind::quoted) return word.text.size() <= longest_name && printable(word.text) == word.text;
  if (word.kind == Word::Kind::mark || !is_plain_name(word.text) || word.text.find("..") < word.text.find('{'))
    return false;
  if (is_value(word) || is_reserved(word.low) || is_common(word.low)) return false;
  const bool sure = word.low.starts_with("cert-") || word.low.find_first_of("0123456789.*@:{") != std::string::npos;
  return sure || (which == Names::any && !is_like_english(word.low));
}

std::optional<Match> read_range(std::span<const Word> words, std::size_t at) {
  const Word& first = words[at];
  if (first.kind != Word::Kind::plain || !is_plain_name(first.text)) return std::nullopt;
  if (auto joined = joined_range(first, at)) return joined;
  if (!is_name(first, Names::any) || first.text.find('{') != std::string::npos || at + 2 >= words.size())
    return std::nullopt;
  auto next = at + 1;
  if (!is_one_of(words[next], {"through", "thru", "to", "until", "till", "up", "-", ".."})) return std::nullopt;
  if (words[next].low == "up" && (words[++next].low != "to" || next + 1 >= words.size())) return std::nullopt;
  ++next;
  if (!is_end_of_range(words, next)) return std::nullopt;
  return range_of(first.text, words[next].text, next + 1);
}

std::optional<Match> read_names(std::span<const Word> words, std::size_t at, Names which) {
  auto item = read_item(words, at, which);
  if (!item) return std::nullopt;
  const Names rest = is_name(words[at], Names::sure) ? Names::sure : which;
  Match found;
  while (item) {
    found.captured.values.push_back(item->text);
    if (!item->question.empty()) found.captured.question = item->question;
    found.end = item->end;
    const auto next = after_separator(words, found.end);
    item = next > found.end ? read_item(words, next, rest) : std::nullopt;
  }
  return found;
}

std::vector<std::string> expand(std::string_view name, std::size_t most) {
  const auto open = name.find('{'), dots = name.find(".."), close = name.find('}');
  if (open == std::string_view::npos) return {std::string(name)};
  if (dots == std::string_view::npos || close == std::string_view::npos || !(open < dots && dots < close)) return {};
  const auto first = name.substr(open + 1, dots - open - 1), last = name.substr(dots + 2, close - dots - 2);
  const Ends ends{std::string(name.substr(0, open)), std::string(first), std::string(last),
                  std::string(name.substr(close + 1))};
  const auto is_number = [](std::string_view text) {
    return !text.empty() && text.find_first_not_of(digits) == std::string_view::npos;
  };
  const bool numbers = is_number(first) && is_number(last);
  const bool single = first.size() == 1 && last.size() == 1 && is_letter(first[0]) && is_letter(last[0]);
  if ((!numbers && !single) || ends.suffix.find_first_of("{}") != std::string::npos || !rises(ends)) return {};
  const auto from = numbers ? *parse_number(first) : first[0], to = numbers ? *parse_number(last) : last[0];
  if (static_cast<std::size_t>(to - from) >= most) return {};
  std::vector<std::string> all;
  for (auto value = from; value <= to; ++value) {
    auto text = numbers ? std::to_string(value) : std::string(1, static_cast<char>(value));
    if (numbers && first[0] == '0' && text.size() < first.size()) text.insert(0, first.size() - text.size(), '0');
    all.push_back(ends.prefix + text + ends.suffix);
  }
  return all;
}

std::string as_san(std::string_view name) {
  if (name.find("://") != std::string_view::npos) return "uri:" + std::string(name);
  if (name.find('@') != std::string_view::npos) return "email:" + std::string(name);
  const bool v4 = name.find_first_not_of("0123456789.") == std::string_view::npos;
  const bool v6 = name.find(':') != std::string_view::npos &&
                  name.find_first_not_of("0123456789abcdefABCDEF:.") == std::string_view::npos;
  return (v4 || v6 ? "ip:" : "dns:") + std::string(name);
}

}  // namespace ymgr::plain
