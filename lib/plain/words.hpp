// A sentence cut into words.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace ymgr::plain {

struct Word {
  enum class Kind { plain, quoted, mark };  // mark: comma, dash, colon, end of a sentence
  std::string text;                         // as written, without its quotes
  std::string low;                          // in lower case; empty for quoted ones, which no rule's word is equal to
  Kind kind = Kind::plain;
};

struct Words {
  std::vector<Word> words;
  std::vector<std::string> refusals;  // options, characters of a shell, open quotes
};

/// Typographic quotes, dashes and blanks count as their ASCII forms.
Words cut(std::string_view sentence);

}  // namespace ymgr::plain
