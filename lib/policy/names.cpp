#include "policy/names.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <functional>

#include "base/text.hpp"

namespace ymgr {
namespace {

struct Address {
  std::array<unsigned char, 16> bytes{};
  int bits = 0;  // 32 or 128
};

std::optional<Address> parse_address(std::string_view text) {
  Address address;
  const std::string copy(text);
  if (copy.find('\0') != std::string::npos) return std::nullopt;
  if (inet_pton(AF_INET, copy.c_str(), address.bytes.data()) == 1) {
    address.bits = 32;
    return address;
  }
  if (inet_pton(AF_INET6, copy.c_str(), address.bytes.data()) != 1) return std::nullopt;
  constexpr std::array<unsigned char, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  address.bits = 128;
  if (std::equal(mapped.begin(), mapped.end(), address.bytes.begin())) {
    std::rotate(address.bytes.begin(), address.bytes.begin() + mapped.size(), address.bytes.end());
    std::fill(address.bytes.begin() + 4, address.bytes.end(), static_cast<unsigned char>(0));
    address.bits = 32;
  }
  return address;
}

struct Network {
  Address base;
  int prefix = 0;
};

std::optional<Network> parse_network(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = parse_address(text.substr(0, slash));
  if (!address) return std::nullopt;
  if (slash == std::string_view::npos) return Network{*address, address->bits};
  const auto prefix = parse_number(text.substr(slash + 1));
  if (!prefix || *prefix > address->bits) return std::nullopt;
  return Network{*address, static_cast<int>(*prefix)};
}

bool bit(const Address& address, int index) {
  return (address.bytes[static_cast<std::size_t>(index / 8)] >> (7 - index % 8) & 1) != 0;
}

bool has_host_bits(const Network& network) {
  for (int i = network.prefix; i < network.base.bits; ++i) {
    if (bit(network.base, i)) return true;
  }
  return false;
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_unreserved(char c) {
  return is_letter(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

/// RFC 3986: a scheme, a colon, and more; but neither a mistyped IPv6 address nor host and port.
bool is_uri(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == text.size()) return false;
  const auto scheme = text.substr(0, colon), rest = text.substr(colon + 1);
  const auto in_scheme = [](char c) { return is_letter(c) || is_digit(c) || c == '+' || c == '-' || c == '.'; };
  return is_letter(scheme[0]) && std::all_of(scheme.begin(), scheme.end(), in_scheme) &&
         text.find(' ') == std::string_view::npos && !std::all_of(rest.begin(), rest.end(), is_digit) &&
         text.find_first_not_of("0123456789abcdefABCDEF:./") != std::string_view::npos;
}

/// Where the path begins; npos when there is no authority.
std::size_t path_start(std::string_view uri) {
  const auto authority = uri.find("://");
  if (authority == std::string_view::npos) return std::string_view::npos;
  return std::min(uri.find_first_of("/?#", authority + 3), uri.size());
}

bool has_broken_escape(std::string_view text) {
  for (auto at = text.find('%'); at != std::string_view::npos; at = text.find('%', at + 1)) {
    if (at + 2 >= text.size() || !from_hex(text.substr(at + 1, 2))) return true;
  }
  return false;
}

std::string decode_unreserved(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = text[i] == '%' && i + 2 < text.size() ? from_hex(text.substr(i + 1, 2)) : std::nullopt;
    result += byte && is_unreserved((*byte)[0]) ? (*byte)[0] : text[i];
    if (byte && is_unreserved((*byte)[0])) i += 2;
  }
  return result;
}

bool is_host_pattern(std::string_view text) {
  if (text == "*") return true;
  if (text.starts_with("*.")) text.remove_prefix(2);
  const auto good = [](char c) { return is_letter(c) || is_digit(c) || c == '-' || c == '.'; };
  if (text.empty() || !std::all_of(text.begin(), text.end(), good)) return false;
  const auto labels = split(text, '.');
  const bool empty_label = std::any_of(labels.begin(), labels.end(), [](const auto& label) { return label.empty(); });
  // a last label of digits only is a mistyped address
  return !empty_label && !std::all_of(labels.back().begin(), labels.back().end(), is_digit);
}

std::optional<std::string> normal_uri_pattern(std::string_view text) {
  const auto star = text.find('*');
  if (has_dot_segments(text) || has_broken_escape(text)) return std::nullopt;
  if (star == std::string_view::npos) return normal_uri(text);
  const char before = text[star - 1];  // a URI begins with its scheme
  const auto path = path_start(text);
  // a star inside the authority would match https://host.evil.example/ and https://host@evil.example/
  const bool inside = path != std::string_view::npos && star <= path;
  if (star + 1 != text.size() || inside || (before != '/' && before != ':')) return std::nullopt;
  return normal_uri(text.substr(0, star)) + "*";
}

std::optional<std::string> normal_email_pattern(std::string_view text) {
  const auto at = text.rfind('@');
  const auto local = text.substr(0, at), domain = text.substr(at + 1);
  if (local.empty() || (local != "*" && local.find('*') != std::string_view::npos)) return std::nullopt;
  if (!is_host_pattern(domain)) return std::nullopt;
  return std::string(local) + "@" + lower(domain);
}

bool host_allows(std::string_view pattern, std::string_view name) {
  if (pattern == "*") return true;
  if (!pattern.starts_with("*.")) return pattern == name;
  pattern.remove_prefix(1);
  return name.size() > pattern.size() && name.ends_with(pattern);
}

bool host_touches(std::string_view pattern, std::string_view name) {
  if (host_allows(pattern, name)) return true;
  return name.starts_with("*.") && pattern.ends_with(name.substr(1));
}

bool is_pattern_of(std::string_view pattern, SanKind kind) {
  if (parse_network(pattern)) return kind == SanKind::ip;
  if (is_uri(pattern)) return kind == SanKind::uri;
  if (pattern.find('@') != std::string_view::npos) return kind == SanKind::email || kind == SanKind::upn;
  return kind == SanKind::dns;
}

template <class Host, class Local>
bool email_fits(std::string_view pattern, std::string_view address, Host host_fits, Local same_local) {
  const auto pattern_at = pattern.rfind('@'), at = address.rfind('@');
  if (at == std::string_view::npos) return false;
  const auto local = pattern.substr(0, pattern_at);
  return (local == "*" || same_local(local, address.substr(0, at))) &&
         host_fits(pattern.substr(pattern_at + 1), std::string_view(lower(address.substr(at + 1))));
}

bool uri_fits(std::string_view pattern, std::string_view uri) {
  const auto normal = normal_uri(uri);
  if (!pattern.ends_with('*')) return normal == pattern;
  return normal.starts_with(pattern.substr(0, pattern.size() - 1));
}

}  // namespace

std::optional<std::string> normal_pattern(std::string_view text) {
  if (text.empty() || trim(text).size() != text.size() || printable(text) != text) return std::nullopt;
  if (const auto network = parse_network(text)) {
    return has_host_bits(*network) ? std::nullopt : std::optional(std::string(text));
  }
  if (is_uri(text)) return normal_uri_pattern(text);
  if (text.find('@') != std::string_view::npos) return normal_email_pattern(text);
  if (is_host_pattern(text)) return lower(text);
  // a plain name; without blanks, a dot, slash or star shows that something else was meant
  const bool plain = text.find('*') == std::string_view::npos &&
                     (text.find(' ') != std::string_view::npos || text.find_first_of("./:") == std::string_view::npos);
  return plain ? std::optional(lower(text)) : std::nullopt;
}

bool pattern_allows(std::string_view pattern, const San& name) {
  if (!is_pattern_of(pattern, name.kind)) return false;
  switch (name.kind) {
    case SanKind::dns: return host_allows(pattern, name.value);
    case SanKind::ip: return in_network(name.value, pattern);
    case SanKind::email:
    case SanKind::upn: return email_fits(pattern, name.value, host_allows, std::equal_to<std::string_view>());
    case SanKind::uri: return uri_fits(pattern, name.value);
  }
  return false;
}

bool pattern_touches(std::string_view pattern, const San& name) {
  if (!is_pattern_of(pattern, name.kind)) return false;
  if (name.kind == SanKind::dns) return host_touches(pattern, name.value);
  if (name.kind != SanKind::email && name.kind != SanKind::upn) return pattern_allows(pattern, name);
  const auto same = [](std::string_view a, std::string_view b) { return lower(a) == lower(b); };
  return email_fits(pattern, name.value, host_touches, same);
}

San name_of_text(std::string_view text) {
  if (parse_address(text)) return {SanKind::ip, std::string(text)};
  if (text.find("://") != std::string_view::npos && is_uri(text)) return {SanKind::uri, std::string(text)};
  if (text.find('@') != std::string_view::npos) return {SanKind::email, std::string(text)};
  return {SanKind::dns, lower(text)};
}

bool in_network(std::string_view address, std::string_view network) {
  const auto one = parse_address(address);
  const auto many = parse_network(network);
  if (!one || !many || one->bits != many->base.bits) return false;
  for (int i = 0; i < many->prefix; ++i) {
    if (bit(*one, i) != bit(many->base, i)) return false;
  }
  return true;
}

std::string normal_uri(std::string_view uri) {
  const auto colon = uri.find(':');
  const auto path = path_start(uri);
  if (colon == std::string_view::npos) return std::string(uri);
  if (path == std::string_view::npos) return lower(uri.substr(0, colon)) + decode_unreserved(uri.substr(colon));
  auto origin = lower(uri.substr(0, path));
  if (origin.starts_with("https://") && origin.ends_with(":443")) origin.resize(origin.size() - 4);
  if (origin.starts_with("http://") && origin.ends_with(":80")) origin.resize(origin.size() - 3);
  const auto rest = uri.substr(path);
  return origin + (rest.starts_with('/') ? "" : "/") + decode_unreserved(rest);
}

bool has_dot_segments(std::string_view uri) {
  const auto normal = normal_uri(uri);
  const auto path = path_start(normal);
  if (path == std::string_view::npos) return false;
  const auto segments = split(std::string_view(normal).substr(path, normal.find_first_of("?#") - path), '/');
  return std::any_of(segments.begin(), segments.end(), [](const auto& s) { return s == "." || s == ".."; });
}

}  // namespace ymgr
