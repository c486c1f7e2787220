#include "http/listen.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "base/error.hpp"
#include "base/text.hpp"

namespace ymgr::http {
namespace {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

/// size 0: not an address literal.
SocketAddress socket_address(const std::string& address, std::uint16_t port) {
  SocketAddress result;
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  if (::inet_pton(AF_INET, address.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    result.size = sizeof v4;
    std::memcpy(&result.storage, &v4, sizeof v4);
  } else if (::inet_pton(AF_INET6, address.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    result.size = sizeof v6;
    std::memcpy(&result.storage, &v6, sizeof v6);
  }
  return result;
}

Error listen_error(const std::string& address, std::uint16_t port, int number) {
  const std::string place = address + " port " + std::to_string(port);
  if (number == EADDRINUSE) return Error(Code::address_in_use, place + " is taken", "Choose another with --listen.");
  if (number == EADDRNOTAVAIL) return Error(Code::usage, address + " is no address of this host");
  if (number == EACCES) {
    return Error(Code::file_denied, "may not listen on " + place, "Choose a port above 1023 with --listen.");
  }
  return system_error("listen on", place, number);
}

[[noreturn]] void refuse_listen(std::string_view text) {
  throw Error(Code::usage, "not an address to listen on: " + printable(text),
              "Write ADDRESS:PORT, such as 127.0.0.1:8889, [::1]:8889 or :8889 (loopback).");
}

}  // namespace

Fd open_listener(const std::string& address, std::uint16_t port) {
  const SocketAddress to = socket_address(address, port);
  if (to.size == 0) throw Error(Code::usage, "not an IP address: " + printable(address));
  Fd fd(::socket(to.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) throw listen_error(address, port, errno);
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&to.storage), to.size) != 0 ||
      ::listen(fd.get(), SOMAXCONN) != 0) {
    throw listen_error(address, port, errno);
  }
  return fd;
}

std::uint16_t port_of(const Fd& listener) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&storage), &size) != 0) {
    throw system_error("ask the port of", "the listening socket", errno);
  }
  // sin_port and sin6_port stand at the same place.
  sockaddr_in v4{};
  std::memcpy(&v4, &storage, sizeof v4);
  return ntohs(v4.sin_port);
}

std::pair<std::string, std::uint16_t> parse_listen(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) refuse_listen(text);
  const auto port = parse_number(text.substr(colon + 1));
  if (!port || *port > 65535) refuse_listen(text);
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  const std::string address(host.empty() || host == "localhost" ? "127.0.0.1" : host);
  const bool v6 = address.find(':') != std::string::npos;
  if (v6 != bracketed || socket_address(address, 0).size == 0) refuse_listen(text);
  return {address, static_cast<std::uint16_t>(*port)};
}

}  // namespace ymgr::http
