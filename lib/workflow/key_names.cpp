#include "workflow/key_names.hpp"

#include <algorithm>

namespace ymgr {
namespace {

std::string plain_transit_reference(std::string_view certificate_name) {
  return "transit:" + key_name_for(certificate_name, false);
}

}  // namespace

std::string free_key_name(Workbench& bench, const CertificateItem& item) {
  const auto taken = [&](const std::string& name) {
    bool found = false;
    bench.db.run("SELECT 1 FROM secrets WHERE path = $1 LIMIT 1", {"keys/" + name},
                 [&](const sql::Row&) { found = true; });
    return found;
  };
  auto plain = key_name_for(item.name, false);
  if (!taken(plain)) return plain;
  const auto longer = key_name_for(item.name, true);
  return taken(longer) ? own_key_name(item) : longer;
}

std::string free_transit_name(Workbench& bench, const CertificateItem& item) {
  const auto reference = plain_transit_reference(item.name);
  const auto names_it = [&](const CertificateRow& row) { return row.key_reference == reference; };
  const bool taken = std::ranges::any_of(inventory::by_name(bench.db, item.name), names_it);
  return taken ? own_key_name(item) : key_name_for(item.name, false);
}

std::string own_key_name(const CertificateItem& item) {
  return key_name_for(item.name, false) + "-" + item.cert_id.substr(item.cert_id.rfind('-') + 1);
}

std::set<std::string> taken_in_transit(Stores& stores, std::span<const std::string> certificate_names) {
  constexpr std::size_t few = 8;  // asked one by one, more all at once
  const bool all = certificate_names.size() > few;
  const auto there = all ? stores.all_keys() : std::set<std::string>();
  std::set<std::string> taken;
  for (const auto& name : certificate_names) {
    const auto reference = plain_transit_reference(name);
    if (all ? there.contains(reference) : stores.key_is_there(reference)) taken.insert(name);
  }
  return taken;
}

}  // namespace ymgr
