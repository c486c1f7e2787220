// One certificate on its way through a revocation: what is journaled of it, and the steps.
#pragma once
#include <memory>
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
  std::string cert_id, name, serial, issuer, public_key_sha256, key_reference, fingerprint, installation, host;
  Time not_after, revoked_at;
  Reason reason = Reason::unspecified;
  std::optional<Time> invalidity_date;
  bool was_revoked = false;  // for this reason or another that stays: only the key is left to destroy
  bool destroy_key = false;
  std::string destroyed;  // "yes", "no: …", "" when not asked for

  // Never journaled. The first two are found out by look_at_keys.
  std::string key_user;         // another active certificate that needs the key
  bool has_newest_key = false;  // of its installation: a PKCS#12 file holds that one

  bool key_found = false;  // there was a key to destroy
  bool had_ended = false;  // in an earlier run

  Json journal() const;
};

/// What destroying a key needs on a worker. Two certificates may have one key, so files are destroyed one after the other.
struct RevokePorts {
  const Stores& stores;  // asked for what it keeps alone
  const std::string &installations, &host;
  std::mutex& files;
  std::unique_ptr<KeyStore> transit = {};  // where an item's key is there
  Workbench* cards = nullptr;              // for keys on cards; set on the command's own thread alone
};

/// The first step only changes the database; key files are touched in the second, when the CRL is out.
inline constexpr std::size_t steps_before_crl = 1;
std::span<const Step<RevokeItem, RevokePorts>> revoke_steps();

bool is_on_card(const RevokeItem&);

/// With the error of an item that failed or was given up.
RevokeItem item_from(const StoredItem&);

/// And every other unexpired certificate of the same keys. Rows that only claim a key count for nothing.
std::vector<CertificateRow> with_same_keys(Workbench&, std::vector<CertificateRow> targets, Time at);

/// The first active certificate with that key that `but` does not name. A row that only claims the key is none.
std::optional<CertificateRow> key_user(Workbench&, std::string_view public_key_sha256, const std::set<std::string>& but,
                                       Time at);
/// What the steps may not ask the database about: which keys are still needed, which are the newest of their installation.
void look_at_keys(Workbench&, std::vector<RevokeItem>&);

}  // namespace ymgr
