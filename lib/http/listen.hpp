// Sockets of the server.
#pragma once
#include <sys/types.h>

#include <optional>

#include "base/files.hpp"
#include "http/server.hpp"

namespace ymgr::http {

/// A listening socket on an address literal. @throws Error address-in-use, usage, file-denied, system-error
Fd open_listener(const std::string& address, std::uint16_t port);
/// A listening socket at `path`, mode 0600; a socket there that nobody serves any more is replaced.
/// @throws Error address-in-use, usage: the path is too long, file-unsafe: something else stands there, system-error
Fd open_unix_listener(const std::string& path);
std::uint16_t port_of(const Fd& listener);
/// Of a listening or connected socket.
Transport transport_of(int socket) noexcept;
/// The user at the other end of a connection of this host: SO_PEERCRED, or the owner of the other socket in /proc/net.
/// nullopt: nobody can tell, for one because the other end is already closed (the kernel then shows uid 0 and inode 0).
std::optional<uid_t> peer_of(int socket);

/// The kernel's TCP sockets, each table read once, when it is asked for: for many at once.
class SocketTables {
 public:
  const std::string& v4();
  const std::string& v6();

 private:
  std::optional<std::string> v4_, v6_;
};
std::optional<uid_t> peer_of(int socket, SocketTables&);

}  // namespace ymgr::http
