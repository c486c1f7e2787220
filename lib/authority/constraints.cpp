#include "authority/constraints.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <optional>

#include "base/error.hpp"
#include "base/text.hpp"

namespace ymgr::ca {
namespace {

bool ends_with_icase(std::string_view text, std::string_view tail) {
  return text.size() >= tail.size() && lower(text.substr(text.size() - tail.size())) == lower(tail);
}

bool dns_within(std::string_view name, std::string_view suffix) {
  if (suffix.empty()) return true;
  if (!ends_with_icase(name, suffix)) return false;
  return name.size() == suffix.size() || suffix.front() == '.' || name[name.size() - suffix.size() - 1] == '.';
}

/// A mailbox, a host, or with a leading dot every host below a domain.
bool email_within(std::string_view mailbox, std::string_view permitted) {
  if (permitted.find('@') != std::string_view::npos) return mailbox == permitted;
  const std::string_view host = mailbox.substr(std::min(mailbox.rfind('@') + 1, mailbox.size()));
  if (!permitted.empty() && permitted.front() == '.') {
    return host.size() > permitted.size() && ends_with_icase(host, permitted);
  }
  return lower(host) == lower(permitted);
}

/// 4 or 16 bytes; nullopt: not an address.
std::optional<std::string> address_bytes(std::string_view text) {
  const std::string copy(text);
  std::string bytes(16, '\0');
  if (::inet_pton(AF_INET6, copy.c_str(), bytes.data()) == 1) return bytes;
  if (::inet_pton(AF_INET, copy.c_str(), bytes.data()) != 1) return std::nullopt;
  bytes.resize(4);
  return bytes;
}

bool ip_within(std::string_view address, std::string_view cidr) {
  const std::size_t slash = cidr.find('/');
  const auto bytes = address_bytes(address), network = address_bytes(cidr.substr(0, slash));
  if (!bytes || !network || bytes->size() != network->size()) return false;
  std::size_t bits = network->size() * 8;
  if (slash != std::string_view::npos) {
    const auto prefix = parse_number(cidr.substr(slash + 1));
    if (!prefix || static_cast<std::size_t>(*prefix) > bits) return false;
    bits = static_cast<std::size_t>(*prefix);
  }
  for (std::size_t i = 0; i * 8 < bits; ++i) {
    const unsigned mask = bits - i * 8 >= 8 ? 0xffU : (0xffU << (8 - (bits - i * 8))) & 0xffU;
    const unsigned differ = static_cast<unsigned char>((*bytes)[i]) ^ static_cast<unsigned char>((*network)[i]);
    if ((differ & mask) != 0) return false;
  }
  return true;
}

bool uri_within(std::string_view uri, std::string_view permitted) {
  const std::size_t begin = uri.find("://");
  if (begin == std::string_view::npos) return false;
  std::string_view host = uri.substr(begin + 3);
  host = host.substr(0, host.find_first_of("/?#"));
  host = host.substr(0, host.find(':'));
  return email_within(std::string("@") + std::string(host), permitted);
}

bool within(const San& name, const San& permitted) {
  switch (name.kind) {
    case SanKind::dns: return dns_within(name.value, permitted.value);
    case SanKind::ip: return ip_within(name.value, permitted.value);
    case SanKind::email: return email_within(name.value, permitted.value);
    case SanKind::uri: return uri_within(name.value, permitted.value);
    case SanKind::upn: break;  // a CA constrains none
  }
  return false;
}

bool looks_like_host(std::string_view text) {
  const auto fits = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' ||
           c == '*';
  };
  return text.find('.') != std::string_view::npos && std::all_of(text.begin(), text.end(), fits);
}

void check_name(const NameConstraints& constraints, const San& name) {
  std::vector<std::string> same_kind;
  for (const San& permitted : constraints.permitted) {
    if (permitted.kind != name.kind) continue;
    if (within(name, permitted)) return;
    same_kind.push_back(to_string(permitted));
  }
  if (same_kind.empty()) return;
  const std::string limit = join(same_kind, ", ");
  throw Error(Code::ca_refused, to_string(name) + " is outside the CA's name constraints (permitted: " + limit + ")",
              "Ask for a name inside them.", {{"name", to_string(name)}, {"permitted", limit}});
}

}  // namespace

void check_name_constraints(const NameConstraints& constraints, const RequestedNames& names) {
  if (constraints.permitted.empty()) return;
  bool has_dns = false;
  for (const San& name : names.sans) {
    check_name(constraints, name);
    has_dns = has_dns || name.kind == SanKind::dns;
  }
  if (!has_dns && looks_like_host(names.common_name)) check_name(constraints, {SanKind::dns, names.common_name});
}

}  // namespace ymgr::ca
