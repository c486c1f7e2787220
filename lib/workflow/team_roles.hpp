// Roles of the PKI engine and of the database engine: what each certificate may say, and whose login it is.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "session/session.hpp"
#include "workflow/team_plan.hpp"
#include "x509/types.hpp"

namespace ymgr::team {

/// Who has a certificate signed.
struct Asker {
  Role role = Role::user;
  std::string_view entity_id;
};
/// The PKI engine's role for a certificate of that profile: a service's ("ymgr-tls-server-ec") or the asker's own ("piv-ENTITY"). It
/// limits names, usages, keys and life whatever the policy says. TLS clients of admins and operators are services, users' are themselves.
/// @throws Error ca-refused: there is none for it
std::string pki_role(const Settings&, std::string_view profile, KeyAlgorithm, const Asker&);

/// The PKI engine's roles of a person's own.
std::vector<VaultCall> own_roles(const Settings&, const Person&);
/// The database engine's role of a person's own.
VaultCall database_role(const Settings&, const Person&);

}  // namespace ymgr::team
