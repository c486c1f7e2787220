#include "workflow/batch.hpp"

#include <algorithm>
#include <unordered_set>

#include "base/error.hpp"
#include "base/text.hpp"

namespace ymgr {
namespace {

constexpr std::size_t longest_word = 1024;
constexpr std::size_t most_digits = 9;

/// Reads one word; knows where it is.
class RangeReader {
 public:
  explicit RangeReader(std::string_view word) : word_(word) {}

  std::vector<std::string> run() {
    if (word_.size() > longest_word) fail(longest_word, "is longer than " + std::to_string(longest_word) + " bytes");
    std::vector<std::string> names{""};
    for (std::size_t at = 0; at < word_.size();) {
      if (word_[at] == '}') fail(at, "has a closing brace that nothing opened");
      if (word_[at] == '{') {
        const auto end = word_.find_first_of("{}", at + 1);
        if (end == std::string_view::npos) fail(at, "has a brace that is not closed");
        if (word_[end] == '{') fail(end, "has a brace inside a brace");
        multiply(names, choices(at + 1, end));
        at = end + 1;
      } else {
        const auto end = std::min(word_.find_first_of("{}", at), word_.size());
        for (auto& name : names) name += word_.substr(at, end - at);
        at = end;
      }
    }
    return names;
  }

 private:
  [[noreturn]] void fail(std::size_t at, const std::string& reason) const {
    const auto place = std::to_string(at + 1);
    throw Error(Code::usage, "name " + printable(word_.substr(0, 100)) + " " + reason + ", at column " + place,
                "write ranges as {1..10} or {01..10}, lists as {a,b,c}, in quotes for the shell", {{"column", place}});
  }

  [[noreturn]] void fail_many() const {
    throw Error(Code::usage,
                "name " + printable(word_.substr(0, 100)) + " makes more than " + std::to_string(max_batch) + " names",
                "split the range");
  }

  void multiply(std::vector<std::string>& names, const std::vector<std::string>& with) const {
    if (names.size() * with.size() > max_batch) fail_many();
    std::vector<std::string> result;
    result.reserve(names.size() * with.size());
    for (const auto& name : names) {
      for (const auto& choice : with) result.push_back(name + choice);
    }
    names = std::move(result);
  }

  /// What stands between the braces at `begin` and `end`.
  std::vector<std::string> choices(std::size_t begin, std::size_t end) const {
    std::vector<std::string> result;
    const auto inside = word_.substr(begin, end - begin);
    if (inside.find(',') == std::string_view::npos && inside.find("..") == std::string_view::npos) {
      fail(begin, "has neither a range nor a list in its braces");
    }
    for (std::size_t at = begin; at <= end;) {
      const auto comma = std::min(word_.find(',', at), end);
      add_item(result, at, comma);
      at = comma + 1;
    }
    return result;
  }

  void add_item(std::vector<std::string>& result, std::size_t begin, std::size_t end) const {
    const auto item = word_.substr(begin, end - begin);
    if (item.empty()) fail(begin, "has an empty place in a list");
    const auto dots = item.find("..");
    if (dots == std::string_view::npos) {
      result.emplace_back(item);
      return;
    }
    auto last = item.substr(dots + 2);
    std::int64_t step = 1;
    if (const auto more = last.find(".."); more != std::string_view::npos) {
      step = number(last.substr(more + 2), begin + dots + 4 + more);
      if (step == 0) fail(begin + dots + 4 + more, "has a step of 0");
      last = last.substr(0, more);
    }
    add_range(result, {item.substr(0, dots), begin}, {last, begin + dots + 2}, step);
  }

  struct Bound {
    std::string_view text;
    std::size_t at;
  };

  void add_range(std::vector<std::string>& result, const Bound& first, const Bound& last, std::int64_t step) const {
    const auto is_letter = [](std::string_view text) { return text.size() == 1 && text[0] >= 'a' && text[0] <= 'z'; };
    const bool letters = is_letter(first.text) && is_letter(last.text);
    const auto from = letters ? first.text[0] : number(first.text, first.at);
    const auto to = letters ? last.text[0] : number(last.text, last.at);
    const auto count = static_cast<std::size_t>(std::abs(to - from) / step) + 1;
    if (result.size() + count > max_batch) fail_many();
    const bool padded =
        (first.text.size() > 1 && first.text[0] == '0') || (last.text.size() > 1 && last.text[0] == '0');
    const auto width = padded ? std::max(first.text.size(), last.text.size()) : 0;
    for (std::size_t i = 0; i < count; ++i) {
      const auto value = from + (to < from ? -step : step) * static_cast<std::int64_t>(i);
      auto text = letters ? std::string(1, static_cast<char>(value)) : std::to_string(value);
      if (text.size() < width) text.insert(0, width - text.size(), '0');
      result.push_back(std::move(text));
    }
  }

  std::int64_t number(std::string_view text, std::size_t at) const {
    const auto value = text.size() <= most_digits ? parse_number(text) : std::nullopt;
    if (!value)
      fail(at, "needs a number of 1 to " + std::to_string(most_digits) + " digits, or two letters from a to z");
    return *value;
  }

  std::string_view word_;
};

}  // namespace

std::vector<std::string> expand_names(std::string_view word) {
  auto names = RangeReader(word).run();
  std::unordered_set<std::string_view> seen;
  for (const auto& name : names) {
    if (seen.insert(name).second) continue;
    throw Error(Code::usage, "name " + printable(word.substr(0, 100)) + " makes " + printable(name) + " twice",
                "leave one of them out of the list");
  }
  return names;
}

}  // namespace ymgr
