#include <algorithm>

#include "workflow/issue.hpp"

namespace ymgr {
namespace {

void add_san(std::vector<San>& sans, const San& san) {
  if (std::find(sans.begin(), sans.end(), san) == sans.end()) sans.push_back(san);
}

}  // namespace

std::string requested_name(const std::string& name, const Csr* csr) {
  if (!name.empty()) return check_certificate_name(name);
  if (csr && !csr->common_name.empty()) return check_certificate_name(csr->common_name);
  if (csr && !csr->sans.empty()) return check_certificate_name(csr->sans.front().value);
  throw Error(Code::usage, "the certificate needs a NAME", "the request has neither a common name nor a SAN");
}

std::string common_name_of(const std::string& name) {
  constexpr std::size_t room = 64;  // RFC 5280, ub-common-name
  return name.size() <= room ? name : std::string();
}

RequestedNames requested_names(const ProfileRules& rules, const std::string& name, const Csr* csr,
                               const std::vector<San>& more) {
  RequestedNames names;
  names.common_name = common_name_of(name);
  if (rules.name_is_san) add_san(names.sans, san_of_name(name));
  if (csr)
    for (const auto& san : csr->sans) add_san(names.sans, san);
  for (const auto& san : more) add_san(names.sans, san);
  return names;
}

}  // namespace ymgr
