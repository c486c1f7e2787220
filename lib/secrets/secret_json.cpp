#include "secrets/secret_json.hpp"

#include <algorithm>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "base/secret_text.hpp"

namespace ymgr {
namespace {

constexpr std::size_t longest_document = 4096;
constexpr int deepest = 4;

[[noreturn]] void refuse() {
  throw Error(Code::box_invalid, "a secret document of a YubiKey can't be read");
}

class Reader {
 public:
  Reader(std::string_view text, const SecretMember& member) : rest_(text), member_(member) {}

  void read() {
    object("", 0);
    blanks();
    if (!rest_.empty()) refuse();
  }

 private:
  void object(const std::string& prefix, int depth) {
    if (depth == deepest) refuse();
    expect('{');
    if (next_is('}')) return;
    do {
      const Secret name = quoted();
      expect(':');
      value(prefix + std::string(name.reveal()), depth);
    } while (next_is(','));
    expect('}');
  }

  void value(const std::string& path, int depth) {
    blanks();
    if (rest_.starts_with('{')) return object(path + ".", depth + 1);
    if (rest_.starts_with('"')) return member_(path, quoted());
    for (const std::string_view word : {"true", "false"}) {
      if (!rest_.starts_with(word)) continue;
      rest_.remove_prefix(word.size());
      return member_(path, Secret(word));
    }
    refuse();
  }

  Secret quoted() {
    expect('"');
    Secret out(rest_.size());
    std::size_t size = 0;
    while (!rest_.empty() && rest_.front() != '"') out.fill()[size++] = character();
    if (rest_.empty()) refuse();
    rest_.remove_prefix(1);
    out.shrink(size);
    return out;
  }

  char character() {
    const char c = take();
    if (static_cast<unsigned char>(c) < 0x20) refuse();
    if (c != '\\') return c;
    const auto escaped = take_json_escape(rest_);
    if (!escaped) refuse();
    return *escaped;
  }

  char take() {
    if (rest_.empty()) refuse();
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }
  void blanks() noexcept { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size())); }
  bool next_is(char wanted) {
    blanks();
    if (!rest_.starts_with(wanted)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void expect(char wanted) {
    if (!next_is(wanted)) refuse();
  }

  std::string_view rest_;
  const SecretMember& member_;
};

}  // namespace

SecretJsonWriter::SecretJsonWriter() : out_(longest_document) {}

void SecretJsonWriter::put_name(std::string_view name) {
  if (!first_) out_.put(",");
  first_ = false;
  out_.put_quoted(name);
  out_.put(":");
}

void SecretJsonWriter::open(std::string_view name) {
  if (!name.empty()) put_name(name);
  out_.put("{");
  first_ = true;
}
void SecretJsonWriter::close() {
  out_.put("}");
  first_ = false;
}
void SecretJsonWriter::text(std::string_view name, std::string_view value) {
  put_name(name);
  out_.put_quoted(value);
}
void SecretJsonWriter::flag(std::string_view name, bool value) {
  put_name(name);
  out_.put(value ? "true" : "false");
}
Secret SecretJsonWriter::finish() {
  return out_.finish();
}

void read_secret_json(const Secret& document, const SecretMember& member) {
  Reader(document.reveal(), member).read();
}

}  // namespace ymgr
