#include "workflow/device_view.hpp"

#include <algorithm>

namespace ymgr {

std::vector<ListedDevice> list_devices(sql::Connection& db, const Session& session, const devices::ListQuery& query,
                                       std::vector<agent::DiscoveredDevice> found) {
  session.require(Right::read_inventory);
  std::vector<ListedDevice> listed;
  for (auto& row : devices::list(db, query)) {
    const auto plugged =
        std::find_if(found.begin(), found.end(), [&](const auto& d) { return d.serial == row.serial; });
    ListedDevice one;
    if (plugged != found.end()) {
      one.plugged = *plugged;
      found.erase(plugged);
    }
    if (!session.may_touch(row.owner)) continue;
    one.row = std::move(row);
    listed.push_back(std::move(one));
  }
  const bool all = query.owner.empty() && !query.status;
  for (const auto& device : found)
    if (all && !devices::find(db, device.serial)) listed.push_back({std::nullopt, device});
  return listed;
}

KeptSecrets kept_secrets(Stores& stores, const std::string& serial) {
  const DeviceSecrets secrets(stores.secrets(), serial);
  const auto card = secrets.card();
  const auto pin = secrets.pin();
  KeptSecrets kept;
  kept.pin = !pin.pin.empty();
  kept.pin_stale = pin.stale;
  kept.pin_exposed = pin.exposed;
  kept.puk = !card.puk.empty();
  kept.puk_stale = card.puk_stale;
  kept.puk_exposed = card.puk_exposed;
  if (card.management_key) kept.management_key = piv::to_string(card.management_key->algorithm);
  if (pin.pending) kept.pending.emplace_back(to_string(pin.pending->what));
  if (card.pending) kept.pending.emplace_back(to_string(card.pending->what));
  return kept;
}

}  // namespace ymgr
