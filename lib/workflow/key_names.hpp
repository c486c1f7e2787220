// What new keys are called.
#pragma once
#include <set>
#include <span>
#include <string>

#include "workflow/certificate_item.hpp"

namespace ymgr {

/// Of a sealed key: a name that nobody has. Joins the plan's transaction.
std::string free_key_name(Workbench&, const CertificateItem&);
/// Which of these certificates' plain names in transit a former certificate of the same name names still.
std::set<std::string> known_in_transit(Workbench&, const std::vector<std::string>& certificate_names);
/// The name that no other certificate's key has, whatever their names are.
std::string own_key_name(const CertificateItem&);
/// Which of these certificates' plain names have keys in transit, by whomever. Asks Vault: never inside a transaction.
std::set<std::string> taken_in_transit(Stores&, std::span<const std::string> certificate_names);

}  // namespace ymgr
