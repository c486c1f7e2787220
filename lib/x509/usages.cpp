#include "x509/usages.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/error.hpp"
#include "base/text.hpp"
#include "x509/types.hpp"

namespace ymgr {
namespace {

struct Named {
  std::string_view name, oid;
};
constexpr Named extended[] = {
    {"serverAuth", "1.3.6.1.5.5.7.3.1"},          {"clientAuth", "1.3.6.1.5.5.7.3.2"},
    {"codeSigning", "1.3.6.1.5.5.7.3.3"},         {"emailProtection", "1.3.6.1.5.5.7.3.4"},
    {"timeStamping", "1.3.6.1.5.5.7.3.8"},        {"OCSPSigning", "1.3.6.1.5.5.7.3.9"},
    {"smartcardLogon", "1.3.6.1.4.1.311.20.2.2"}, {"id-PIV-cardAuth", "2.16.840.1.101.3.6.8"},
};
constexpr std::array<std::string_view, 9> key_usages = {"digitalSignature", "nonRepudiation", "keyEncipherment",
                                                        "dataEncipherment", "keyAgreement",   "keyCertSign",
                                                        "cRLSign",          "encipherOnly",   "decipherOnly"};

/// Two arcs or more, without leading zeros, each below 10^18.
bool is_oid(std::string_view text) {
  constexpr std::size_t most_digits = 18, longest = 128;
  if (text.size() > longest) return false;
  const auto arcs = split(text, '.');
  for (const auto& arc : arcs) {
    const bool digits = !arc.empty() && arc.size() <= most_digits &&
                        std::all_of(arc.begin(), arc.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (!digits || (arc.size() > 1 && arc.front() == '0')) return false;
  }
  if (arcs.size() < 2 || arcs[0].size() > 1 || arcs[0][0] > '2') return false;
  return arcs[0] == "2" || arcs[1].size() < 2 || (arcs[1].size() == 2 && arcs[1][0] < '4');
}

}  // namespace

std::optional<std::string> eku_oid(std::string_view name_or_oid) {
  for (const auto& [name, oid] : extended) {
    if (name == name_or_oid) return std::string(oid);
  }
  return is_oid(name_or_oid) ? std::optional(std::string(name_or_oid)) : std::nullopt;
}

std::string eku_name(std::string_view oid) {
  for (const auto& [name, known] : extended) {
    if (known == oid) return std::string(name);
  }
  return std::string(oid);
}

unsigned key_usage_bits(std::span<const std::string> names) {
  unsigned bits = 0;
  for (const auto& name : names) {
    const auto found =
        std::find(key_usages.begin(), key_usages.end(), name == "contentCommitment" ? "nonRepudiation" : name);
    if (found == key_usages.end()) {
      throw Error(Code::certificate_invalid, "there is no key usage \"" + printable(name) + "\"");
    }
    bits |= 1U << static_cast<unsigned>(found - key_usages.begin());
  }
  return bits;
}

std::vector<std::string> key_usage_names(unsigned bits) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < key_usages.size(); ++i) {
    if (((bits >> i) & 1U) != 0) names.emplace_back(key_usages[i]);
  }
  return names;
}

}  // namespace ymgr
