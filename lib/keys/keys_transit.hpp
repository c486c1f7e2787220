// Keys in Vault's transit engine: "transit:NAME". They can't be exported, and nothing of them stands in a journal.
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "keys/key_store.hpp"
#include "vault/client.hpp"

namespace ymgr {

/// @param client  for the one worker that uses the store, since a client belongs to one thread
/// A box has no meaning to it: a name is made once, and found when it is asked for again.
/// @throws Error key-exists: the name has a key of another kind; and what vault::Client::call throws
std::unique_ptr<KeyStore> open_transit_keys(std::shared_ptr<vault::Client> client, const std::string& mount);

bool transit_key_is_there(vault::Client&, const std::string& mount, std::string_view reference);
/// In two steps, outside of transactions. Missing: fine. @throws Error key-not-found for a reference of another kind
void destroy_transit_key(vault::Client&, const std::string& mount, std::string_view reference);

}  // namespace ymgr
