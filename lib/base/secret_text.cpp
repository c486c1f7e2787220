#include "base/secret_text.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace ymgr {
namespace {

constexpr std::string_view digits = "0123456789abcdef0123456789ABCDEF";

std::optional<char> take_unicode(std::string_view& rest) {
  if (rest.size() < 4) return std::nullopt;
  std::size_t code = 0;
  for (const char c : rest.substr(0, 4)) {
    const auto place = digits.find(c);
    if (place == std::string_view::npos) return std::nullopt;
    code = code * 16 + place % 16;
  }
  if (code >= 0x80) return std::nullopt;
  rest.remove_prefix(4);
  return static_cast<char>(code);
}

}  // namespace

void SecretWriter::put(std::string_view bytes) {
  if (bytes.size() > out_.size() - size_) throw Error(Code::internal, "a secret text is too long");
  std::copy(bytes.begin(), bytes.end(), out_.fill().begin() + static_cast<std::ptrdiff_t>(size_));
  size_ += bytes.size();
}

void SecretWriter::put_escaped(std::string_view text) {
  for (const char& c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20) {
      put("\\u00");
      put(digits.substr(byte >> 4U, 1));
      put(digits.substr(byte & 0xFU, 1));
      continue;
    }
    if (c == '"' || c == '\\') put("\\");
    put({&c, 1});
  }
}

void SecretWriter::put_quoted(std::string_view text) {
  put("\"");
  put_escaped(text);
  put("\"");
}

Secret SecretWriter::finish() {
  out_.shrink(size_);
  size_ = 0;
  return std::move(out_);
}

std::optional<char> take_json_escape(std::string_view& rest) {
  constexpr std::string_view names = "\"\\/bfnrt", values = "\"\\/\b\f\n\r\t";
  if (rest.empty()) return std::nullopt;
  const char name = rest.front();
  rest.remove_prefix(1);
  if (name == 'u') return take_unicode(rest);
  const auto place = names.find(name);
  return place == std::string_view::npos ? std::nullopt : std::optional(values[place]);
}

}  // namespace ymgr
