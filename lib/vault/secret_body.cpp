#include "vault/secret_body.hpp"

#include <algorithm>
#include <optional>

#include "base/error.hpp"
#include "base/secret_text.hpp"

namespace ymgr::vault {
namespace {

constexpr int deepest = 32;
constexpr std::string_view blanks = " \t\r\n";

[[noreturn]] void refuse() {
  throw Error(Code::json_invalid, "the answer is no JSON object");
}

struct Span {
  std::size_t begin, end;
};

/// Walks over JSON text without making anything of it.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  /// Of the member of the object at `at`; nullopt: it has none of that name.
  std::optional<Span> member(std::size_t at, std::string_view name) {
    at_ = at;
    expect('{');
    if (next_is('}')) return std::nullopt;
    do {
      const Span key = text_span();
      expect(':');
      skip_blanks();
      const std::size_t begin = at_;
      skip_value(0);
      if (text_.substr(key.begin + 1, key.end - key.begin - 2) == name) return Span{begin, at_};
    } while (next_is(','));
    expect('}');
    return std::nullopt;
  }

 private:
  void skip_value(int depth) {
    if (depth == deepest) refuse();
    skip_blanks();
    if (at_ == text_.size()) refuse();
    const char c = text_[at_];
    if (c == '"') {
      text_span();
    } else if (c == '{' || c == '[') {
      skip_inside(c, depth);
    } else {
      const std::size_t begin = at_;
      at_ = std::min(text_.find_first_of(",]} \t\r\n", at_), text_.size());
      if (at_ == begin) refuse();
    }
  }

  void skip_inside(char open, int depth) {
    const char close = open == '{' ? '}' : ']';
    ++at_;
    if (next_is(close)) return;
    do {
      if (open == '{') {
        text_span();
        expect(':');
      }
      skip_value(depth + 1);
    } while (next_is(','));
    expect(close);
  }

  Span text_span() {
    skip_blanks();
    const std::size_t begin = at_;
    expect('"');
    while (at_ < text_.size() && text_[at_] != '"') at_ += text_[at_] == '\\' ? 2U : 1U;
    if (at_ >= text_.size()) refuse();
    ++at_;
    return {begin, at_};
  }

  void skip_blanks() { at_ = std::min(text_.find_first_not_of(blanks, at_), text_.size()); }
  bool next_is(char wanted) {
    skip_blanks();
    if (at_ == text_.size() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }
  void expect(char wanted) {
    if (!next_is(wanted)) refuse();
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

/// The text between the quotes. \u is read for ASCII only: Go writes nothing else so but two line separators.
Secret unquoted(std::string_view text) {
  Secret out(text.size());
  std::size_t size = 0;
  while (!text.empty()) {
    char c = text.front();
    text.remove_prefix(1);
    if (c == '\\') {
      const auto escaped = take_json_escape(text);
      if (!escaped) refuse();
      c = *escaped;
    }
    out.fill()[size++] = c;
  }
  out.shrink(size);
  return out;
}

}  // namespace

Secret body_with(const Json& plain, std::span<const SecretMember> secrets) {
  std::string start = plain.is_null() ? "{}" : dump_json(plain);
  start.pop_back();
  std::size_t size = start.size() + 1;
  for (const auto& one : secrets) size += one.name.size() + 6 + 6 * one.value->size();
  SecretWriter writer(size);
  writer.put(start);
  bool first = start == "{";
  for (const auto& one : secrets) {
    if (!first) writer.put(",");
    first = false;
    writer.put_quoted(one.name);
    writer.put(":");
    one.form == SecretForm::text ? writer.put_quoted(one.value->reveal()) : writer.put(one.value->reveal());
  }
  writer.put("}");
  return writer.finish();
}

Secret cut_secret(std::string& text, std::string_view path) {
  std::optional<Span> span = Span{0, text.size()};
  for (std::string_view rest = path; !rest.empty();) {
    const std::size_t dot = std::min(rest.find('.'), rest.size());
    if (text[span->begin] != '{' && span->begin != 0) return {};
    span = Scanner(text).member(span->begin, rest.substr(0, dot));
    if (!span) return {};
    rest.remove_prefix(std::min(dot + 1, rest.size()));
  }
  const std::string_view found = std::string_view(text).substr(span->begin, span->end - span->begin);
  if (found == "null") return {};
  Secret secret = found.starts_with('"') ? unquoted(found.substr(1, found.size() - 2)) : Secret(found);
  if (found.size() < 4) return secret;  // nothing in it
  std::fill(text.begin() + static_cast<std::ptrdiff_t>(span->begin),
            text.begin() + static_cast<std::ptrdiff_t>(span->end), ' ');
  text.replace(span->begin, 4, "null");
  return secret;
}

}  // namespace ymgr::vault
