// A certificate as a PIV object keeps it (SP 800-73-4 part 1, table 10): 70 certificate, 71 how it is packed, FE nothing.
#pragma once
#include <string>
#include <string_view>

#include "x509/types.hpp"

namespace ymgr::piv {

/// The certificate, which is unpacked when it is packed with gzip. Not parsed.
/// @throws Error device-failed: no certificate object, or more than 16 KiB unpacked
Der read_certificate_object(std::string_view object);
std::string make_certificate_object(const Der& certificate);

/// RFC 1952. @throws Error device-failed: not gzip, cut short, or more than `most` bytes
std::string unpack_gzip(std::string_view packed, std::size_t most);

}  // namespace ymgr::piv
