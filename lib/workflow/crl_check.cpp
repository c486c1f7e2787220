#include "workflow/crl_check.hpp"

#include <algorithm>

namespace ymgr {

const CrlCheck::List& CrlCheck::list_of(const std::string& issuer) {
  const auto [at, is_new] = lists_.try_emplace(issuer);
  const auto crl = is_new ? authority_.crl(issuer) : std::nullopt;
  if (!crl) return at->second;
  at->second.number = crl->number;
  at->second.serials.reserve(crl->entries.size());
  for (const auto& entry : crl->entries) at->second.serials.insert(entry.serial);
  number_ = std::max(number_, crl->number);
  return at->second;
}

}  // namespace ymgr
