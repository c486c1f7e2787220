// Public keys as a card tells them.
#pragma once
#include <string_view>

#include "agent/piv_types.hpp"
#include "x509/key.hpp"

namespace ymgr::piv {

/// @param elements  the inside of a 7F49 element: 81 modulus and 82 exponent, or 86 point (SP 800-73-4 part 2, table 11)
/// @throws Error device-failed: not such a key, or not of `algorithm`
PublicKey read_public_key(Algorithm algorithm, std::string_view elements);

}  // namespace ymgr::piv
