#include "policy/cabf.hpp"

#include <algorithm>
#include <array>

#include "policy/names.hpp"

namespace ymgr::cabf {
namespace {

constexpr Time midnight(int year, unsigned month, unsigned day) {
  return std::chrono::sys_days(std::chrono::year(year) / std::chrono::month(month) / std::chrono::day(day));
}

struct Step {
  Time from;
  std::chrono::days max;
};
constexpr Step steps[] = {{midnight(2029, 3, 15), std::chrono::days(47)},
                          {midnight(2027, 3, 15), std::chrono::days(100)},
                          {midnight(2026, 3, 15), std::chrono::days(200)}};

// RFC 6761, 6762 (with appendix G), 7686, 8375, 9476; ICANN's "internal" and the names it will never delegate
constexpr std::array<std::string_view, 19> internal_domains{
    "alt", "arpa",  "corp",        "domain",    "example", "home",  "host",    "internal", "intranet", "invalid",
    "lan", "local", "localdomain", "localhost", "mail",    "onion", "private", "test",     "workgroup"};

// the IANA IPv4 and IPv6 special-purpose address registries, and multicast
constexpr std::string_view reserved_networks[] = {
    "0.0.0.0/8",      "10.0.0.0/8",    "100.64.0.0/10",  "127.0.0.0/8",    "169.254.0.0/16", "172.16.0.0/12",
    "192.0.0.0/24",   "192.0.2.0/24",  "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",  "198.51.100.0/24",
    "203.0.113.0/24", "224.0.0.0/4",   "240.0.0.0/4",    "::/127",         "64:ff9b:1::/48", "100::/64",
    "2001::/23",      "2001:db8::/32", "2002::/16",      "3fff::/20",      "5f00::/16",      "fc00::/7",
    "fe80::/10",      "fec0::/10",     "ff00::/8"};

}  // namespace

Duration max_validity(Time at) noexcept {
  for (const auto& step : steps) {
    if (at >= step.from) return step.max;
  }
  return std::chrono::days(398);
}

bool is_internal_name(std::string_view dns_name) noexcept {
  const auto dot = dns_name.rfind('.');
  if (dot == std::string_view::npos) return true;
  return std::find(internal_domains.begin(), internal_domains.end(), dns_name.substr(dot + 1)) !=
         internal_domains.end();
}

std::optional<std::string_view> reserved_network(std::string_view address) {
  for (const auto network : reserved_networks) {
    if (in_network(address, network)) return network;
  }
  return std::nullopt;
}

}  // namespace ymgr::cabf
