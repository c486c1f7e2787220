#include "base/text.hpp"
#include "workflow/device_owners.hpp"
#include "workflow/reconciliation.hpp"

namespace ymgr::reconciling {
namespace {

std::string list_of(const std::vector<std::string>& serials) {
  return serials.empty() ? "none" : join(serials, ", ");
}

}  // namespace

void compare_owners(Reconciliation& run) {
  if (!run.bench.owners) return;
  DeviceOwners& owners = *run.bench.owners;
  for (const User& user : users::list(run.bench.db)) {
    const auto found = owners.compare(user.name);
    if (!found.is_known)
      run.report("user_unknown", user.name, "Vault does not know this user", "ymgr user add " + shell_quote(user.name));
    for (const auto& serial : found.foreign)
      run.report("owner_unrecorded", user.name,
                 "Vault takes the YubiKey " + serial + " for theirs, and no row tells of it: no run of ours wrote that",
                 "ymgr enroll --owner " + shell_quote(user.name) +
                     " makes it known; else an admin removes it from the metadata of Vault's entity " +
                     shell_quote(user.name));
    if (found.is_known && found.differs())
      run.examine("owner_differs", user.name, [&] {
        run.repair_outside(
            "owner_differs", user.name,
            "Vault took these YubiKeys for theirs: " + list_of(found.told) + "; the rows say: " + list_of(found.owned),
            [&] { owners.tell(user.name); });
      });
  }
}

}  // namespace ymgr::reconciling
