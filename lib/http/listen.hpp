// Sockets of the server.
#pragma once
#include "base/files.hpp"
#include "http/server.hpp"

namespace ymgr::http {

/// A listening socket on an address literal.
Fd open_listener(const std::string& address, std::uint16_t port);
std::uint16_t port_of(const Fd& listener);

}  // namespace ymgr::http
