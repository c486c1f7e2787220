#include "agentd/systemd.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

#include <cstring>

#include "base/error.hpp"

namespace ymgr::agentd::systemd {
namespace {

bool is_ours(int fd) {
  if (sd_is_socket(fd, AF_UNIX, SOCK_STREAM, 1) > 0) return true;
  if (sd_is_socket(fd, AF_INET, SOCK_STREAM, 1) <= 0) return false;
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return false;
  sockaddr_in v4{};
  std::memcpy(&v4, &storage, sizeof v4);
  return ntohl(v4.sin_addr.s_addr) >> 24 == 127;
}

}  // namespace

std::vector<Fd> handed_sockets() {
  std::vector<Fd> sockets;
  const int count = sd_listen_fds(1);
  for (int i = 0; i < count; ++i) sockets.emplace_back(SD_LISTEN_FDS_START + i);
  for (const Fd& socket : sockets) {
    if (is_ours(socket.get())) continue;
    throw Error(Code::usage, "started with a socket that is neither a Unix socket nor TCP on 127.0.0.0/8",
                "Look at ListenStream= of the socket unit.");
  }
  return sockets;
}

void notify(const char* state) noexcept {
  sd_notify(0, state);
}

std::optional<std::chrono::milliseconds> watchdog_interval() {
  std::uint64_t microseconds = 0;
  if (sd_watchdog_enabled(0, &microseconds) <= 0) return std::nullopt;
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::microseconds(microseconds / 2));
}

}  // namespace ymgr::agentd::systemd
