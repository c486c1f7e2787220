#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include "base/error.hpp"
#include "base/text.hpp"
#include "x509/certificate.hpp"
#include "x509/names_internal.hpp"
#include "x509/types.hpp"

namespace ymgr {
namespace {

constexpr std::array<std::string_view, 5> kind_names = {"dns", "ip", "email", "uri", "upn"};

[[noreturn]] void refuse(SanKind kind, std::string_view value, std::string_view why, std::string hint = {}) {
  throw Error(Code::name_invalid,
              std::string(to_string(kind)) + ":" + printable(value.substr(0, 100)) + " " + std::string(why),
              std::move(hint));
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
bool is_one_of(char c, std::string_view set) {
  return set.find(c) != std::string_view::npos;
}
bool is_atext(char c) {
  return is_letter(c) || is_digit(c) || is_one_of(c, "!#$%&'*+-/=?^_`{|}~");
}

bool is_dns_name(std::string_view text) {
  try {
    check_dns_name(text);
    return true;
  } catch (const Error&) {
    return false;
  }
}

std::string check_ip(std::string_view value) {
  if (const auto bytes = ip_bytes(value)) return *ip_text(*bytes);
  if (value.find('/') != std::string_view::npos && ip_bytes(value.substr(0, value.find('/')))) {
    refuse(SanKind::ip, value, "is a network", "name each address");
  }
  if (value.starts_with("[") && value.ends_with("]") && ip_bytes(value.substr(1, value.size() - 2))) {
    refuse(SanKind::ip, value, "is not an IP address", "write it without brackets");
  }
  if (value.find('%') != std::string_view::npos) refuse(SanKind::ip, value, "has a zone", "write the address alone");
  if (is_dns_name(value)) refuse(SanKind::ip, value, "is a DNS name", "write dns:" + lower(value));
  refuse(SanKind::ip, value, "is not an IP address", "write it like ip:192.0.2.1 or ip:2001:db8::1");
}

/// E-mail address or UPN: dot-atom of RFC 5322 and a domain; quoted local parts and domain literals are refused.
std::string check_mailbox(SanKind kind, std::string_view value) {
  const auto at = value.find('@');
  if (at == std::string_view::npos || value.find('@', at + 1) != std::string_view::npos) {
    refuse(kind, value, "must have one @",
           at == std::string_view::npos && is_dns_name(value) ? "write dns:" + lower(value) : "");
  }
  const auto local = value.substr(0, at), domain = value.substr(at + 1);
  const bool atoms = !local.empty() && local.size() <= 64 && local.front() != '.' && local.back() != '.' &&
                     local.find("..") == std::string_view::npos &&
                     std::all_of(local.begin(), local.end(), [](char c) { return is_atext(c) || c == '.'; });
  if (!atoms)
    refuse(kind, value, "has a part before the @ that can't stand in a certificate",
           "use ASCII letters, digits, dots and dashes");
  if (domain.starts_with("*")) refuse(kind, value, "has a wildcard");
  std::string checked = check_dns_name(domain);
  return std::string(local) + '@' + checked;
}

bool is_uri_text(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '%') {
      if (i + 2 >= text.size() || !is_hex(text[i + 1]) || !is_hex(text[i + 2])) return false;
    } else if (!is_letter(c) && !is_digit(c) && !is_one_of(c, "-._~:/?#[]@!$&'()*+,;=")) {
      return false;
    }
  }
  return true;
}

std::string check_uri(std::string_view value) {
  constexpr std::size_t longest = 2048;
  const auto colon = value.find(':');
  const auto scheme = value.substr(0, colon);
  if (colon == std::string_view::npos || scheme.empty() || !is_letter(scheme.front()) ||
      !std::all_of(scheme.begin(), scheme.end(),
                   [](char c) { return is_letter(c) || is_digit(c) || is_one_of(c, "+-."); })) {
    refuse(SanKind::uri, value, "has no scheme",
           is_dns_name(value) ? "write dns:" + lower(value) : "write it like uri:spiffe://example.com/service");
  }
  const auto rest = value.substr(colon + 1);
  const auto authority = rest.starts_with("//") ? rest.substr(2, rest.find_first_of("/?#", 2) - 2) : std::string_view();
  if (rest.empty() || (rest.starts_with("//") && authority.empty()))
    refuse(SanKind::uri, value, "has neither host nor path");
  if (value.size() > longest) refuse(SanKind::uri, value, "has more than 2048 characters");
  if (!is_uri_text(value))
    refuse(SanKind::uri, value, "has a character that a URI can't have", "write it in percent encoding");
  return std::string(value);
}

/// Invisible or direction-changing: a name with them reads as another one.
bool is_hidden(char32_t c) {
  return c < 0x20 || (c >= 0x7F && c <= 0x9F) || c == 0xAD || (c >= 0x200B && c <= 0x200F) ||
         (c >= 0x2028 && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF;
}

[[noreturn]] void refuse_name(std::string_view name, std::string_view why, std::string hint = {}) {
  throw Error(Code::name_invalid, "the name " + quoted(name) + " " + std::string(why), std::move(hint));
}

}  // namespace

std::string quoted(std::string_view text) {
  return '"' + printable(text.substr(0, 80)) + (text.size() > 80 ? "...\"" : "\"");
}

std::optional<std::string> ip_bytes(std::string_view text) {
  const std::string terminated(text);
  std::array<char, 16> raw{};
  if (terminated.size() != terminated.find('\0') && terminated.find('\0') != std::string::npos) return std::nullopt;
  if (inet_pton(AF_INET, terminated.c_str(), raw.data()) == 1) return std::string(raw.data(), 4);
  if (inet_pton(AF_INET6, terminated.c_str(), raw.data()) == 1) return std::string(raw.data(), 16);
  return std::nullopt;
}

std::optional<std::string> ip_text(std::string_view bytes) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (bytes.size() != 4 && bytes.size() != 16) return std::nullopt;
  inet_ntop(bytes.size() == 4 ? AF_INET : AF_INET6, bytes.data(), text.data(), text.size());
  return std::string(text.data());
}

std::optional<std::string> network_bytes(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  auto bytes = ip_bytes(text.substr(0, slash));
  const auto length = parse_number(text.substr(slash + 1));
  if (!bytes || !length || *length > static_cast<std::int64_t>(bytes->size() * 8)) return std::nullopt;
  const auto size = bytes->size();
  for (std::size_t i = 0; i < size; ++i) {
    const auto left = *length - static_cast<std::int64_t>(i * 8);
    const auto mask = left >= 8 ? 0xFFU : left <= 0 ? 0U : (0xFFU << (8 - left)) & 0xFFU;
    if ((static_cast<unsigned char>((*bytes)[i]) & ~mask & 0xFFU) != 0) return std::nullopt;
    *bytes += static_cast<char>(mask);
  }
  return bytes;
}

std::string_view to_string(SanKind kind) noexcept {
  return kind_names[static_cast<std::size_t>(kind)];
}

std::string to_string(const San& san) {
  return std::string(to_string(san.kind)) + ':' + san.value;
}

San make_san(SanKind kind, std::string_view value) {
  switch (kind) {
    case SanKind::dns: return {kind, check_dns_name(value)};
    case SanKind::ip: return {kind, check_ip(value)};
    case SanKind::email:
    case SanKind::upn: return {kind, check_mailbox(kind, value)};
    case SanKind::uri: return {kind, check_uri(value)};
  }
  throw Error(Code::internal, "a subject alternative name of no kind");
}

San parse_san(std::string_view text) {
  const auto colon = text.find(':');
  const std::string kind = lower(text.substr(0, colon));
  const auto found = std::find(kind_names.begin(), kind_names.end(), kind);
  if (colon != std::string_view::npos && found != kind_names.end()) {
    return make_san(static_cast<SanKind>(found - kind_names.begin()), text.substr(colon + 1));
  }
  const std::string hint = ip_bytes(text)                               ? "write ip:" + std::string(text)
                           : text.find("://") != std::string_view::npos ? "write uri:" + printable(text)
                           : text.find('@') != std::string_view::npos   ? "write email:" + printable(text)
                           : is_dns_name(text)                          ? "write dns:" + lower(text)
                                               : "write dns:, ip:, email:, uri: or upn: before it";
  throw Error(Code::name_invalid, "the subject alternative name " + quoted(text) + " has no kind", hint);
}

San parse_name_constraint(std::string_view text) {
  const auto colon = text.find(':');
  const std::string kind = lower(text.substr(0, colon));
  const auto value = colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
  if (kind == "ip") {
    if (!network_bytes(value))
      refuse(SanKind::ip, value, "is not a network", "write it like ip:10.0.0.0/8, with zeros behind the prefix");
    return {SanKind::ip, std::string(value)};
  }
  if (kind != "dns" && kind != "email") {
    throw Error(Code::name_invalid, "the name constraint " + quoted(text) + " has no kind",
                "write dns:, ip: or email: before it");
  }
  std::string domain = check_dns_name(value);
  if (domain.starts_with("*")) {
    throw Error(Code::name_invalid, "the name constraint " + quoted(text) + " has a wildcard",
                "write " + kind + ":" + domain.substr(2) + ", which covers all below it");
  }
  return {kind == "dns" ? SanKind::dns : SanKind::email, std::move(domain)};
}

San san_of_name(std::string_view name) {
  if (const auto bytes = ip_bytes(name)) return {SanKind::ip, *ip_text(*bytes)};
  return {SanKind::dns, check_dns_name(name)};
}

std::string check_certificate_name(std::string_view name) {
  constexpr std::size_t longest = 64;
  if (name.empty()) throw Error(Code::name_invalid, "the name is empty");
  if (!is_utf8(name)) refuse_name(name, "is not UTF-8");
  if (const auto bytes = ip_bytes(name)) return *ip_text(*bytes);
  if (name.find('.') != std::string_view::npos && is_dns_name(name)) return lower(name);
  if (name.find('@') != std::string_view::npos && name.find(' ') == std::string_view::npos)
    return check_mailbox(SanKind::email, name);
  const auto points = code_points(name);
  if (points.size() > longest)
    refuse_name(name, "has more than 64 characters", "only DNS names and e-mail addresses may be longer");
  if (std::any_of(points.begin(), points.end(), is_hidden)) refuse_name(name, "has control or invisible characters");
  if (trim(name).size() != name.size()) refuse_name(name, "begins or ends with a blank");
  if (name == "." || name == ".." || name.find('/') != std::string_view::npos) {
    refuse_name(name, "can't name a folder", "use a name without slashes");
  }
  return std::string(name);
}

}  // namespace ymgr
