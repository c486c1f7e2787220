// Keys that end in a file, where no data key seals them until then: they wait in a file of their own.
#pragma once
#include <memory>

#include "keys/key_store.hpp"

namespace ymgr {

/// The name of a new key is the path of the file that it waits in, 0600 and on disk when `ensure` returns; its folder is made where it is
/// missing. The same name again is the same key; boxes have no meaning. Whoever has brought the key to its place destroys that file.
/// `open` reads a finished key, as that of open_file_keys does.
/// @throws Error key-exists: a key of another kind is there; and what read_key_file and write_file throw
std::unique_ptr<KeyStore> open_pending_keys();

}  // namespace ymgr
