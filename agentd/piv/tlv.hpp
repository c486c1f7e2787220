// BER-TLV as smart cards write it (ISO 7816-4 5.2.2). What a card says is hostile: every length is checked against what is there.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.hpp"

namespace ymgr::piv {

/// A view into the answer. Tags of one or two bytes: 0x53, 0x7F49.
struct Element {
  unsigned tag = 0;
  std::string_view value;
};

/// The elements of `bytes`, side by side, at most 64; zero bytes between and after them are padding.
/// @throws Error device-failed: cut short, longer than it is, a length of more than three bytes, indefinite, a tag of three bytes
std::vector<Element> read_tlvs(std::string_view bytes);
/// The first of them with that tag; nullopt: none.
std::optional<std::string_view> find(const std::vector<Element>& elements, unsigned tag) noexcept;
/// The value of the one element that `bytes` are. @throws Error device-failed: another tag, nothing, or more
std::string_view only(std::string_view bytes, unsigned tag);
/// The same, wherever it stands among others. @throws Error device-failed: not there
std::string_view need(const std::vector<Element>& elements, unsigned tag);

/// @param value at most 65535 bytes
std::string tlv(unsigned tag, std::string_view value);
/// The same for what must not leak.
Secret secret_tlv(unsigned tag, const Secret& value);

}  // namespace ymgr::piv
