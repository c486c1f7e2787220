#include "workflow/device_owners.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/text.hpp"
#include "inventory/devices.hpp"
#include "workflow/workbench.hpp"

namespace ymgr {
namespace {

constexpr std::string_view prefix = "serial";

bool is_serial_key(std::string_view key) {
  return key.size() == prefix.size() + 1 && key.starts_with(prefix) && key.back() >= '0' && key.back() <= '9';
}

std::vector<std::string> serials_in(const vault::Entity& entity) {
  std::vector<std::string> serials;
  for (const auto& [key, value] : entity.metadata)
    if (is_serial_key(key) && !value.empty()) serials.push_back(value);
  std::ranges::sort(serials);
  return serials;
}

[[noreturn]] void refuse_eleventh(const std::string& owner) {
  throw Error(
      Code::device_state,
      owner + " has " + std::to_string(DeviceOwners::most) + " YubiKeys already, and Vault's policies know no more",
      "ymgr device list --owner " + shell_quote(owner) + ", then retire or assign one of them");
}

[[noreturn]] void refuse_stranger(const std::string& owner) {
  throw Error(Code::vault_not_found, "Vault knows nobody of the name " + printable(owner),
              "an admin makes the person known: ymgr user add " + shell_quote(owner));
}

}  // namespace

/// Those that are worked with. In a lost or retired one's PIN nobody has an interest that is good.
std::vector<std::string> DeviceOwners::owned_by(const std::string& owner) {
  std::vector<std::string> serials;
  devices::ListQuery query;
  query.owner = owner;
  for (const auto& row : devices::list(db_, query))
    if (row.status == DeviceStatus::enrolled || row.status == DeviceStatus::factory) serials.push_back(row.serial);
  std::ranges::sort(serials);
  return serials;
}

void DeviceOwners::require_room(const std::string& owner, const std::string& serial) {
  const auto entity = vault::entity_by_name(client_, owner);
  if (!entity) refuse_stranger(owner);
  auto found = difference(*entity, owner);
  std::erase(found.owned, serial);
  std::erase(found.foreign, serial);
  if (found.owned.size() + found.foreign.size() >= most) refuse_eleventh(owner);
}

DeviceOwners::Difference DeviceOwners::difference(const vault::Entity& entity, const std::string& owner) {
  Difference found;
  found.entity_id = entity.id;
  found.owned = owned_by(owner);
  for (auto& serial : serials_in(entity)) {
    const bool has_row = devices::find(db_, serial).has_value();
    (has_row ? found.told : found.foreign).push_back(std::move(serial));
  }
  return found;
}

DeviceOwners::Difference DeviceOwners::compare(const std::string& owner) {
  if (const auto entity = vault::entity_by_name(client_, owner)) return difference(*entity, owner);
  return {.is_known = false, .entity_id = {}, .told = {}, .owned = owned_by(owner), .foreign = {}};
}

bool DeviceOwners::tell(const std::string& owner) {
  const auto entity = vault::entity_by_name(client_, owner);
  if (!entity && owned_by(owner).empty()) return false;
  if (!entity) refuse_stranger(owner);
  auto found = difference(*entity, owner);
  if (!found.differs()) return false;
  auto owned = std::move(found.owned);
  owned.insert(owned.end(), found.foreign.begin(), found.foreign.end());
  if (owned.size() > most) refuse_eleventh(owner);
  vault::EntityMetadata metadata = entity->metadata;
  std::erase_if(metadata, [](const auto& one) { return is_serial_key(one.first); });
  for (std::size_t i = 0; i < owned.size(); ++i)
    metadata.emplace_back(std::string(prefix) + std::to_string(i), owned[i]);
  vault::set_entity_metadata(client_, entity->id, metadata);
  return true;
}

void require_room(Workbench& bench, const std::string& owner, const std::string& serial) {
  if (bench.owners) bench.owners->require_room(owner, serial);
}

void tell_owner(Workbench& bench, const std::string& owner) {
  if (bench.owners) bench.owners->tell(owner);
}

}  // namespace ymgr
