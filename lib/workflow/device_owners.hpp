// Which YubiKeys are whose, told to a team's Vault: its policies let people use the PINs of their own. Operators write it, after the row's
// commit; the rows are the truth.
#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include "sql/connection.hpp"
#include "vault/client.hpp"
#include "vault/identity.hpp"

namespace ymgr {

struct Workbench;

class DeviceOwners {
 public:
  static constexpr std::size_t most = 10;  // policies have serial0 to serial9

  DeviceOwners(vault::Client& client, sql::Connection& db) : client_(client), db_(db) {}

  /// Before a YubiKey becomes somebody's. @throws Error device-state: ten are; vault-not-found: Vault does not know the owner
  void require_room(const std::string& owner, const std::string& serial);
  /// What Vault has and the rows do not say, or the other way round.
  struct Difference {
    bool is_known = true;  // Vault knows the person
    std::string entity_id;
    std::vector<std::string> told, owned;
    std::vector<std::string> foreign;  // told, too, but no row tells of such a YubiKey: no run of ours wrote it
    bool differs() const { return told != owned; }
  };
  Difference compare(const std::string& owner);
  /// Everything else that is noted of the person stays, YubiKeys without a row among it. @return false: it was so already
  bool tell(const std::string& owner);

 private:
  std::vector<std::string> owned_by(const std::string& owner);
  Difference difference(const vault::Entity& entity, const std::string& owner);

  vault::Client& client_;
  sql::Connection& db_;
};

/// Nothing, in an embedded profile.
void require_room(Workbench&, const std::string& owner, const std::string& serial);
/// The same. Vault not knowing somebody who owns nothing is no error.
void tell_owner(Workbench&, const std::string& owner);

}  // namespace ymgr
