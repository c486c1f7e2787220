#include "plain/words.hpp"

#include <utility>

#include "base/text.hpp"
#include "plain/plain.hpp"

namespace ymgr::plain {
namespace {

constexpr std::pair<std::string_view, std::string_view> typographic[] = {
    {"\u2018", "'"},   {"\u2019", "'"}, {"\u201c", "\""}, {"\u201d", "\""}, {"\u201e", "\""},  {"\u2013", " - "},
    {"\u2014", " - "}, {"\u2010", "-"}, {"\u2011", "-"},  {"\u00a0", " "},  {"\u2026", "..."}, {"\u202f", " "}};
constexpr std::string_view marks = ",.;:!?";
constexpr std::string_view of_shells = ";|&$<>`\\~^!?[]()\"";

std::string in_ascii(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t taken = 0;
    for (const auto& [from, to] : typographic) {
      if (!text.substr(at).starts_with(from)) continue;
      out += to;
      taken = from.size();
      break;
    }
    if (taken == 0) out += text[at];
    at += taken == 0 ? 1 : taken;
  }
  return out;
}

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

class Cutter {
 public:
  explicit Cutter(std::string text) : text_(std::move(text)) {}

  Words run() {
    while (skip_blanks()) {
      if (text_[at_] == '"' || text_[at_] == '\'') {
        take_quoted(text_[at_]);
      } else {
        take_chunk();
      }
    }
    return std::move(found_);
  }

 private:
  bool skip_blanks() {
    while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
    return at_ < text_.size();
  }

  void refuse(std::string why) { found_.refusals.push_back(std::move(why)); }

  void take_quoted(char quote) {
    const auto end = text_.find(quote, at_ + 1);
    if (end == std::string::npos) {
      refuse("the quote before " + printable(text_.substr(at_ + 1)) + " is not closed: where does it end?");
      at_ = text_.size();
      return;
    }
    std::string inside = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    if (trim(inside).empty() || inside.front() == '-') {
      refuse("'" + printable(inside) + "' can't stand in quotes: a name begins with a letter or digit");
    } else {
      found_.words.push_back({std::move(inside), "", Word::Kind::quoted});
    }
  }

  void take_chunk() {
    auto end = at_;
    while (end < text_.size() && !is_blank(text_[end]) && text_[end] != '"') ++end;
    std::string_view chunk = std::string_view(text_).substr(at_, end - at_);
    at_ = end;
    if (chunk == "&") return word("and");
    if (chunk == "-" || chunk == "--") return mark(chunk);
    while (chunk.starts_with('(')) chunk = (mark("("), chunk.substr(1));
    std::size_t size = chunk.size();
    while (size > 0 && (marks.find(chunk[size - 1]) != std::string_view::npos || chunk[size - 1] == ')')) --size;
    words(chunk.substr(0, size));
    if (size < chunk.size()) mark(chunk.substr(size, 1));
  }

  /// "a,b,c" is a list; commas between braces are a part of the word.
  void words(std::string_view chunk) {
    std::size_t begin = 0;
    bool inside = false;
    for (std::size_t i = 0; i < chunk.size(); ++i) {
      if (chunk[i] == '{') inside = true;
      if (chunk[i] == '}') inside = false;
      if (chunk[i] != ',' || inside) continue;
      word(chunk.substr(begin, i - begin));
      mark(",");
      begin = i + 1;
    }
    word(chunk.substr(begin));
  }

  void word(std::string_view text) {
    if (text.empty()) return;
    if (text.front() == '-')
      return refuse("'" + printable(text) + "' looks like an option: options stand beside the sentence, not in it");
    if (text.find_first_of(of_shells) != std::string_view::npos)
      return refuse("'" + printable(text) + "' holds a character that no name has: what is meant?");
    found_.words.push_back({std::string(text), lower(text), Word::Kind::plain});
  }

  void mark(std::string_view text) { found_.words.push_back({std::string(text), std::string(text), Word::Kind::mark}); }

  std::string text_;
  std::size_t at_ = 0;
  Words found_;
};

bool has_control(std::string_view text) {
  for (const char c : text) {
    if ((static_cast<unsigned char>(c) < 0x20 && !is_blank(c)) || c == 0x7f) return true;
  }
  return false;
}

}  // namespace

Words cut(std::string_view sentence) {
  if (sentence.size() > longest_sentence)
    return {{},
            {"the sentence is longer than " + std::to_string(longest_sentence) + " bytes: which part of it counts?"}};
  if (!is_utf8(sentence) || has_control(sentence))
    return {{}, {"the sentence holds characters that can't be shown: what is meant?"}};
  return Cutter(in_ascii(sentence)).run();
}

}  // namespace ymgr::plain
