// Patterns of the policy's name lists.
//   *.example.com             every DNS name below it, at any depth, not itself
//   example.com, Build Bot    that DNS name, or that plain name of a person or service; case does not matter
//   *                         every DNS or plain name
//   10.0.0.0/8, 2001:db8::1   addresses of the network, or the one
//   *@example.com, a@b.org    e-mail addresses and UPNs; the domain is itself a pattern (*@*.example.com)
//   https://host/*            URIs that begin so; without the star, that URI
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "x509/types.hpp"

namespace ymgr {

/// In the form that the functions below expect. nullopt: not a pattern (a star elsewhere, host bits set, an IDN, ".a.b").
std::optional<std::string> normal_pattern(std::string_view text);
/// All that the name stands for fits. A wildcard name fits a pattern with star only.
bool pattern_allows(std::string_view pattern, const San& name);
/// Something that the name stands for fits: "*.example.com" touches "admin.example.com". A wildcard name counts for any
/// depth, because not every program stops at one label; letter case of a mailbox does not help.
bool pattern_touches(std::string_view pattern, const San& name);

/// What a common name stands for: an address, a URI, an e-mail address, else a DNS or plain name in lower case.
San name_of_text(std::string_view text);
/// @param network  "10.0.0.0/8" or one address   An IPv4-mapped address is its IPv4 address.
bool in_network(std::string_view address, std::string_view network);
/// Scheme and host in lower case, default port dropped, empty path "/", %XX of unreserved characters decoded.
/// Source: RFC 3986, 6.2.2 and 6.2.3
std::string normal_uri(std::string_view uri);
/// The path has a segment "." or "..", which readers resolve differently.
bool has_dot_segments(std::string_view uri);

}  // namespace ymgr
