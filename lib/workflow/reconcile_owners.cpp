#include "base/text.hpp"
#include "workflow/device_owners.hpp"
#include "workflow/reconciliation.hpp"

namespace ymgr::reconciling {
namespace {

std::string list_of(const std::vector<std::string>& serials) {
  return serials.empty() ? "none" : join(serials, ", ");
}

std::optional<std::string> recorded_names(sql::Connection& db, std::string_view user) {
  std::optional<std::string> names;
  db.run("SELECT certificate_names FROM users WHERE name = $1", {user}, [&](const sql::Row& row) {
    if (!row.is_null(0)) names = row.text(0);
  });
  return names;
}

/// Vault is the truth: an older program changes them there alone, and people who move here bring none.
void compare_names(Reconciliation& run, const std::string& user, const std::string& entity_id) {
  auto& db = run.bench.db;
  const auto recorded = recorded_names(db, user);
  const auto told = run.bench.certificate_names(entity_id);
  if (!told || told == recorded) return;
  run.repair(
      "names_differ", user,
      "Vault signs for these names: " + *told + "; the database had: " + (recorded ? *recorded : "none"),
      [&] {
        db.run("UPDATE users SET certificate_names = $2 WHERE name = $1", {user, *told});
      },
      [&] { return recorded_names(db, user) == recorded; });
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
    if (found.is_known && run.bench.certificate_names)
      run.examine("names_differ", user.name, [&] { compare_names(run, user.name, found.entity_id); });
  }
}

}  // namespace ymgr::reconciling
