#pragma once
#include "virtual_yubikey/bytes.hpp"

namespace virtual_yubikey {

enum class Direction { decrypt, encrypt };

/// Bytes of one block of a management key's algorithm.
std::size_t block_bytes(Byte algorithm);
/// One block in ECB mode with a management key. `block` has block_bytes(algorithm) bytes.
Bytes run_block(Byte algorithm, View key, View block, Direction direction);

Bytes random_bytes(std::size_t size);

}  // namespace virtual_yubikey
