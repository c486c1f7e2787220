// The worker half of the local CA.
#pragma once
#include <memory>
#include <string>

#include "authority/authority.hpp"
#include "authority/store.hpp"

namespace ymgr::ca {

/// @param key PKCS#8 DER of the issuing key; decoded at the first sign(), on the thread that calls it
std::unique_ptr<Signer> make_local_signer(const IssuerRow& issuer, const StoredPlan& plan, Secret key);

}  // namespace ymgr::ca
