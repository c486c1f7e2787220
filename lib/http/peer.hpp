// What a TLS server shows of itself.
#pragma once
#include <string>

#include "base/clock.hpp"

namespace ymgr::http {

/// The certificates that the server at HOST:PORT shows, PEM, its own first; HOST is told to it (SNI). Nothing of them is believed or
/// checked. At most 20 and 256 KiB.
/// @param place  "www.example.com:443", "[2001:db8::1]:8443"
/// @throws Error usage: not HOST:PORT · system-error: no TLS server answers there within `timeout`
std::string shown_by(const std::string& place, Duration timeout);

}  // namespace ymgr::http
