// Words as a POSIX shell quotes them.   Source: POSIX.1-2017, Shell Command Language, 2.2 Quoting
#include "base/error.hpp"
#include "base/text.hpp"

namespace ymgr {
namespace {

class WordSplitter {
 public:
  explicit WordSplitter(std::string_view text) : text_(text) {}
  std::vector<std::string> run() {
    while (at_ < text_.size()) step(text_[at_++]);
    finish_word();
    return std::move(words_);
  }

 private:
  void step(char c) {
    if (c == ' ' || c == '\t' || c == '\n') return finish_word();
    in_word_ = true;
    switch (c) {
      case '\'': return single_quoted();
      case '"': return double_quoted();
      case '\\': return escaped();
      default: word_ += c;
    }
  }
  void finish_word() {
    if (in_word_) words_.push_back(std::move(word_));
    word_.clear();
    in_word_ = false;
  }
  void single_quoted() {
    const std::size_t end = text_.find('\'', at_);
    if (end == std::string_view::npos) fail("a single quote is not closed");
    word_ += text_.substr(at_, end - at_);
    at_ = end + 1;
  }
  void double_quoted() {
    while (at_ < text_.size() && text_[at_] != '"') {
      const bool escape = text_[at_] == '\\' && at_ + 1 < text_.size() &&
                          std::string_view("$`\"\\\n").find(text_[at_ + 1]) != std::string_view::npos;
      if (escape) ++at_;
      if (!escape || text_[at_] != '\n') word_ += text_[at_];
      ++at_;
    }
    if (at_ == text_.size()) fail("a double quote is not closed");
    ++at_;
  }
  void escaped() {
    if (at_ == text_.size()) fail("a backslash stands at the end");
    if (text_[at_] != '\n') word_ += text_[at_];
    ++at_;
  }
  [[noreturn]] void fail(const char* reason) const {
    throw Error(Code::usage, std::string(reason) + " in: " + printable(text_), "quote the words as for a shell");
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::vector<std::string> words_;
  std::string word_;
  bool in_word_ = false;
};

}  // namespace

std::vector<std::string> split_words(std::string_view text) {
  return WordSplitter(text).run();
}

std::string shell_quote(std::string_view text) {
  constexpr std::string_view safe = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_@%+=:,./-";
  if (!text.empty() && text.front() != '=' && text.find_first_not_of(safe) == std::string_view::npos) {
    return std::string(text);
  }
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

}  // namespace ymgr
