#include "workflow/migrate_secrets.hpp"

#include <algorithm>

#include "base/crypto.hpp"
#include "base/error.hpp"
#include "base/failpoint.hpp"
#include "secrets/secret_json.hpp"

namespace ymgr::migrate {
namespace {

using Members = std::vector<std::pair<std::string, Secret>>;

/// Vault gives members in another order and with other blanks.
Members members_of(const Secret& document) {
  Members members;
  read_secret_json(document,
                   [&](std::string_view path, const Secret& value) { members.emplace_back(path, value.clone()); });
  std::ranges::sort(members, {}, &Members::value_type::first);
  return members;
}

bool is_same(const Secret& a, const Secret& b) {
  const auto equal = [](const auto& x, const auto& y) {
    return x.first == y.first && equal_constant_time(x.second.reveal(), y.second.reveal());
  };
  return std::ranges::equal(members_of(a), members_of(b), equal);
}

enum class Standing { missing, same, other };

Standing standing(SecretStore& team, const std::string& path, const Secret& value) {
  const auto there = team.read(path);
  if (!there) return team.version(path) == 0 ? Standing::missing : Standing::other;
  return is_same(value, there->value) ? Standing::same : Standing::other;
}

}  // namespace

std::vector<std::string> device_documents(sql::Connection& profile) {
  std::vector<std::string> paths;
  profile.run(
      "SELECT DISTINCT path FROM secrets WHERE substr(path, 1, 14) = 'yubikeys/data/' AND box IS NOT NULL "
      "ORDER BY path",
      {}, [&](const sql::Row& row) { paths.emplace_back(row.text(0)); });
  return paths;
}

Compared compare_secrets(const std::vector<std::string>& paths, SecretStore& profile, SecretStore& team,
                         std::vector<Conflict>& conflicts) {
  Compared result;
  for (const auto& path : paths) {
    const auto document = profile.read(path);
    if (!document) continue;
    ++result.rows;
    const auto found = standing(team, path, document->value);
    if (found == Standing::missing) ++result.missing;
    if (found != Standing::other) continue;
    ++result.conflicting;
    conflicts.push_back({"device secrets", path, "document"});
  }
  return result;
}

std::int64_t copy_secrets(const std::vector<std::string>& paths, SecretStore& profile, SecretStore& team) {
  std::int64_t copied = 0;
  for (const auto& path : paths) {
    const auto document = profile.read(path);
    if (!document || standing(team, path, document->value) != Standing::missing) continue;
    failpoint("secret_moved", "before");
    team.write(path, document->value, 0);
    failpoint("secret_moved", "after");
    if (standing(team, path, document->value) != Standing::same)
      throw Error(Code::version_conflict, "Vault gives another " + path + " back than was written",
                  "find out who else writes there, then run the same command");
    ++copied;
  }
  return copied;
}

}  // namespace ymgr::migrate
