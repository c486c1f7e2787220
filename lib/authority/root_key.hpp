// The root key: sealed under a passphrase, in a file of the owner's, or outside.
#pragma once
#include "authority/store.hpp"

namespace ymgr::ca {

/// Argon2id with a random salt, then seal(), bound to the root's id; setting "ca.root_key".
void keep_root_key(sql::Connection&, std::string_view root_id, const PrivateKey&, const Secret& passphrase);
/// @throws Error root-key-missing: not kept here, or not given · wrong-password · pair-mismatch
Issuer open_root(sql::Connection&, const IssuerRow& root, const RootKey&);

}  // namespace ymgr::ca
