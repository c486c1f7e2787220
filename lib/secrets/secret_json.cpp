#include "secrets/secret_json.hpp"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>

#include "base/error.hpp"

namespace ymgr {
namespace {

constexpr std::size_t longest_document = 4096;
constexpr int deepest = 4;

[[noreturn]] void refuse() {
  throw Error(Code::box_invalid, "a secret document of a YubiKey can't be read");
}

std::optional<unsigned> hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10;
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A') + 10;
  return std::nullopt;
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
    return c == '\\' ? escaped() : c;
  }

  char escaped() {
    constexpr std::string_view names = "\"\\/bfnrt", values = "\"\\/\b\f\n\r\t";
    const char name = take();
    if (name == 'u') return unicode();
    const auto place = names.find(name);
    if (place == std::string_view::npos) refuse();
    return values[place];
  }

  /// Only what the writer makes of control characters.
  char unicode() {
    unsigned code = 0;
    for (int i = 0; i < 4; ++i) {
      const auto digit = hex_digit(take());
      if (!digit) refuse();
      code = code * 16 + *digit;
    }
    if (code >= 0x80) refuse();
    return static_cast<char>(code);
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

SecretJsonWriter::SecretJsonWriter() : buffer_(longest_document) {}

void SecretJsonWriter::put(std::string_view bytes) {
  if (bytes.size() > buffer_.size() - size_) throw Error(Code::internal, "a secret document is too long");
  std::memcpy(buffer_.fill().data() + size_, bytes.data(), bytes.size());
  size_ += bytes.size();
}

void SecretJsonWriter::put_quoted(std::string_view text) {
  put("\"");
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') put("\\");
    if (byte >= 0x20) {
      put({&c, 1});
      continue;
    }
    constexpr std::string_view digits = "0123456789abcdef";
    put("\\u00");
    put(digits.substr(byte >> 4U, 1));
    put(digits.substr(byte & 0xFU, 1));
  }
  put("\"");
}

void SecretJsonWriter::put_name(std::string_view name) {
  if (!first_) put(",");
  first_ = false;
  put_quoted(name);
  put(":");
}

void SecretJsonWriter::open(std::string_view name) {
  if (!name.empty()) put_name(name);
  put("{");
  first_ = true;
}
void SecretJsonWriter::close() {
  put("}");
  first_ = false;
}
void SecretJsonWriter::text(std::string_view name, std::string_view value) {
  put_name(name);
  put_quoted(value);
}
void SecretJsonWriter::flag(std::string_view name, bool value) {
  put_name(name);
  put(value ? "true" : "false");
}
Secret SecretJsonWriter::finish() {
  Secret document(buffer_.reveal().substr(0, size_));
  buffer_ = Secret();
  size_ = 0;
  return document;
}

void read_secret_json(const Secret& document, const SecretMember& member) {
  Reader(document.reveal(), member).read();
}

}  // namespace ymgr
