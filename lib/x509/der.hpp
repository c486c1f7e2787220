// Writing DER (X.690), the few types that X.509 needs, and taking one element apart. For this folder.
// Written rather than left to OpenSSL's objects because setting a public key there costs seven signatures (146 µs).
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace ymgr::der {

enum Tag : unsigned char {
  boolean = 0x01,
  integer_tag = 0x02,
  bit_string_tag = 0x03,
  octet_string_tag = 0x04,
  null_tag = 0x05,
  oid_tag = 0x06,
  enumerated_tag = 0x0A,
  utf8_string = 0x0C,
  utc_time = 0x17,
  generalized_time_tag = 0x18,
  sequence_tag = 0x30,
  set_tag = 0x31,
};
/// Context-specific: [n] of a primitive type, and of a constructed or explicit one.
constexpr unsigned char context(unsigned char n) noexcept {
  return static_cast<unsigned char>(0x80U | n);
}
constexpr unsigned char constructed(unsigned char n) noexcept {
  return static_cast<unsigned char>(0xA0U | n);
}

std::string tlv(unsigned char tag, std::string_view content);
template <class... Parts>
std::string sequence(const Parts&... parts) {
  std::string content;
  (content.append(parts), ...);
  return tlv(sequence_tag, content);
}
/// Of a magnitude, most significant byte first.
std::string integer(std::string_view magnitude);
std::string integer(std::int64_t value);  // value >= 0
/// Of dotted decimals, as eku_oid lets pass.
std::string oid(std::string_view dotted);
std::string bit_string(std::string_view bytes, unsigned char unused_bits = 0);
/// A bit string of named bits: trailing zero bits are dropped. Bit 0 is the first.
std::string named_bits(unsigned bits);
std::string octet_string(std::string_view bytes);
/// UTCTime from 1950 through 2049, else GeneralizedTime (RFC 5280 4.1.2.5). @throws Error time-invalid after 9999
std::string time(Time t);
std::string generalized_time(Time t);

/// Takes one element with `tag` off the front of `rest`; nullopt: something else is there. Lengths up to 2^32 - 1.
std::optional<std::string_view> take(std::string_view& rest, unsigned char tag) noexcept;
/// The same with tag and length, whatever the tag.
std::optional<std::string_view> take_whole(std::string_view& rest) noexcept;
/// The bits of a SubjectPublicKeyInfo without the unused-bits byte; nullopt: it is none.
std::optional<std::string_view> key_bits(std::string_view spki) noexcept;

}  // namespace ymgr::der
