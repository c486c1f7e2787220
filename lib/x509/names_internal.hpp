// What names.cpp and dns_name.cpp share with the rest of this folder.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace ymgr {

/// id-ms-san-upn: the otherName that holds a UPN.
inline constexpr char upn_oid[] = "1.3.6.1.4.1.311.20.2.3";

/// RFC 3492, for one label without its "xn--".
std::string punycode(std::u32string_view label);
/// nullopt: not punycode, or code points that Unicode does not have.
std::optional<std::u32string> from_punycode(std::string_view text);
/// The code points of valid UTF-8.
std::u32string code_points(std::string_view utf8);

/// 4 or 16 raw bytes; nullopt: not an address.
std::optional<std::string> ip_bytes(std::string_view text);
/// As inet_ntop writes them; nullopt: neither 4 nor 16 bytes.
std::optional<std::string> ip_text(std::string_view bytes);
/// Address and mask of "10.0.0.0/8"; nullopt: not a network, or bits behind the prefix.
std::optional<std::string> network_bytes(std::string_view text);

/// `text` as an error message may show it: printable, in quotes, at most 80 columns.
std::string quoted(std::string_view text);

}  // namespace ymgr
