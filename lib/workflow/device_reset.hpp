// Workflow: the PIV application of a YubiKey as it came from the factory.
#pragma once
#include <string>

#include "workflow/device_item.hpp"

namespace ymgr {

struct ResetAnswer {
  DeviceAnswer operation;
  std::vector<std::string> revoked;  // cert_ids
};

/// Asks first whether it can be done. Certificates with a key on it are revoked and recorded before; the secrets are kept until the
/// card confirms. A YubiKey without a row can be reset, too.
/// @throws Error role-denied; device-refused, operation-open: nothing was done; and what revoke and the agent throw
ResetAnswer reset_device(Workbench&, const std::string& serial, Reason, const DeviceOptions&);

/// Ids of the unexpired certificates with a key on it that a revocation for this reason changes: superseded ones have a key that
/// may still be used, too, and one on hold may come back.
std::vector<std::string> revocable_certificates(sql::Connection&, const std::string& serial, Reason);

/// Revokes those. @return their ids  @throws Error what revoke throws; the first failure
std::vector<std::string> revoke_certificates_of(Workbench&, const std::string& serial, Reason, const std::string& note);

}  // namespace ymgr
