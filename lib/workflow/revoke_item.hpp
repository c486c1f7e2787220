// One certificate on its way through a revocation: what is journaled of it, and the steps.
#pragma once
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "inventory/inventory.hpp"
#include "workflow/engine.hpp"
#include "workflow/operation.hpp"

namespace ymgr {

struct RevokeItem : Item {
  std::string cert_id, name, serial, issuer, public_key_sha256, key_reference, installation, host;
  Time not_after, revoked_at;
  Reason reason = Reason::unspecified;
  std::optional<Time> invalidity_date;
  bool destroy_key = false;
  std::string destroyed;  // "yes", "no: …", "" when not asked for

  // Found out by look_at_keys; never journaled.
  std::string key_user;         // another active certificate that needs the key
  bool has_newest_key = false;  // of its installation: a PKCS#12 file holds that one

  Json journal() const;
};

/// What destroying a key needs on a worker. Two certificates may have one key, so files are destroyed one after the other.
struct RevokePorts {
  const std::string &installations, &host;
  std::mutex& files;
};

/// The first step only changes the database; key files are touched in the second, when the CRL is out.
inline constexpr std::size_t steps_before_crl = 1;
std::span<const Step<RevokeItem, RevokePorts>> revoke_steps();

RevokeItem item_from(const StoredItem&);

/// The first active certificate with that key that `but` does not name.
std::optional<CertificateRow> key_user(sql::Connection&, std::string_view public_key_sha256,
                                       const std::set<std::string>& but, Time at);
/// What the steps may not ask the database about: which keys are still needed, which are the newest of their installation.
void look_at_keys(Workbench&, std::vector<RevokeItem>&);

}  // namespace ymgr
