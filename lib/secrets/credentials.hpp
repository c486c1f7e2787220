// PINs, PUKs and management keys out of the random generator.
#pragma once
#include <string_view>

#include "agent/piv_types.hpp"

namespace ymgr {

/// Eight random digits, for a PIN or a PUK; none of those that everybody tries.
Secret make_digits();
/// Random, neither the factory's nor, for 3DES, one with a weak part (NIST SP 800-67).
piv::ManagementKey make_management_key(piv::ManagementAlgorithm);

/// One character only, digits in a row up or down, or one of the values that a YubiKey with PIN complexity refuses.
bool is_trivial(std::string_view pin) noexcept;
/// @param what  "PIN" or "PUK"  @throws Error pin-unusable: not 6 to 8 bytes, not printable ASCII, or trivial
void check_chosen(const Secret& value, std::string_view what);
/// The 3DES key has two equal parts, or a part that is weak or semi-weak whatever its parity bits are.
bool is_weak_tdes(std::string_view key) noexcept;

}  // namespace ymgr
