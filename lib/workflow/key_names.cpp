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

std::set<std::string> known_in_transit(Workbench& bench, const std::vector<std::string>& certificate_names) {
  if (certificate_names.empty()) return {};
  std::vector<std::string> references;
  for (const auto& name : certificate_names) references.push_back(plain_transit_reference(name));
  return inventory::names_with_keys(bench.db, certificate_names, references);
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
