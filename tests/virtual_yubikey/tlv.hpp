#pragma once
#include <optional>
#include <vector>

#include "virtual_yubikey/bytes.hpp"

namespace virtual_yubikey {

/// BER-TLV with tags of one to three bytes and definite lengths.
struct Tlv {
  std::uint32_t tag;
  View value;  // into what was parsed
};

/// @throws Refusal 6A80 not a whole sequence of TLVs
std::vector<Tlv> parse_tlvs(View bytes);
/// The only element, with that tag. @throws Refusal 6A80 another tag, or more than one element
View only_tlv(View bytes, std::uint32_t tag);
/// The value of the first element with `tag`.
std::optional<View> find(const std::vector<Tlv>& elements, std::uint32_t tag);

Bytes tlv(std::uint32_t tag, View value);

}  // namespace virtual_yubikey
