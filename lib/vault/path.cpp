#include "vault/path.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/text.hpp"

namespace ymgr::vault {
namespace {

bool is_unreserved(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

bool is_control(char c) noexcept {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
}

}  // namespace

std::string percent_encode(std::string_view text, std::string_view kept) {
  std::string out;
  for (const char c : text) {
    if (is_unreserved(c) || kept.find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += "%" + to_hex({&c, 1});
    }
  }
  return out;
}

Path::Path(std::string_view parts) {
  *this = *this + parts;
}

void Path::append(std::string_view part) {
  if (part.empty() || part == "." || part == ".." || part.find('/') != std::string_view::npos ||
      std::any_of(part.begin(), part.end(), is_control) || !is_utf8(part)) {
    throw Error(Code::usage, "not a part of a path in Vault: '" + printable(part) + "'",
                "a part has no slash and no control character, and is neither empty nor dots");
  }
  if (!text_.empty()) text_ += '/';
  text_ += part;
}

Path Path::operator/(std::string_view part) const& {
  return Path(*this) / part;
}

Path Path::operator/(std::string_view part) && {
  append(part);
  return std::move(*this);
}

Path Path::operator+(std::string_view parts) const {
  Path path = *this;
  if (parts.starts_with('/')) parts.remove_prefix(1);
  if (parts.ends_with('/')) parts.remove_suffix(1);
  for (const std::string& part : split(parts, '/')) path.append(part);
  return path;
}

Path& Path::ask(std::string_view name, std::string_view value) {
  query_ += (query_.empty() ? "?" : "&") + percent_encode(name) + "=" + percent_encode(value);
  return *this;
}

std::string Path::url() const {
  return "/v1/" + percent_encode(text_, "/:@") + query_;
}

}  // namespace ymgr::vault
