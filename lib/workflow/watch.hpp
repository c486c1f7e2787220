// What ends besides certificates of the inventory, and stops renewals when it does: CAs, their lists, logins.
#pragma once
#include <string>
#include <vector>

#include "workflow/workbench.hpp"

namespace ymgr {

/// Something with an end that a person has to put off.
struct Watched {
  std::string
      kind;  // "root-ca", "issuing-ca", "crl", "ocsp-signer", "token", "session", "login-certificate", "license"
  std::string name;
  Time ends_at, due_at;   // due: from when it is time to act
  std::string next_step;  // what to do
  bool readable = true;   // false: its end is not known, so it counts as ended now
};

/// @param longest  life of a certificate that the CA is to sign: whatever would outlive the CA is refused
Time ca_due_at(const CaInfo&, Duration longest);

/// CAs in use, local or Vault's, their lists (as anybody gets them), the OCSP signer, and `logins`: what this login hangs on.
/// A list that can't be read counts as ended. Soonest end first.
std::vector<Watched> watch(Workbench&, std::vector<Watched> logins);

}  // namespace ymgr
