// Unix sockets, and who is at the other end of a connection.
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/error.hpp"
#include "base/folder_lock.hpp"
#include "base/text.hpp"
#include "http/listen.hpp"

namespace ymgr::http {
namespace {

constexpr std::chrono::seconds lock_patience{5};

sockaddr_un unix_address(const std::string& path) {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof to.sun_path) {
    throw Error(Code::usage, "not a path for a socket: " + printable(path), "It must have 107 bytes or less.");
  }
  std::memcpy(to.sun_path, path.data(), path.size());
  return to;
}

const sockaddr* generic(const sockaddr_un& to) {
  return reinterpret_cast<const sockaddr*>(&to);
}

/// What a process that is gone has left at `path` goes away.
void clear_place(const std::string& path, const sockaddr_un& to) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return;
  if (!S_ISSOCK(status.st_mode)) throw Error(Code::file_unsafe, path + " is no socket", "Remove it.");
  const Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (::connect(probe.get(), generic(to), sizeof to) == 0 || (errno != ECONNREFUSED && errno != ENOENT)) {
    throw Error(Code::address_in_use, "another process serves " + path, "End it, or choose another path.");
  }
  ::unlink(path.c_str());
}

struct End {
  sockaddr_storage storage{};
  socklen_t size = sizeof(sockaddr_storage);
};

/// "0100007F:DB3B", as /proc/net/tcp writes an address (in the host's byte order) and a port.
std::string in_table(const End& end) {
  std::array<char, 48> text{};
  if (end.storage.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &end.storage, sizeof v4);
    std::snprintf(text.data(), text.size(), "%08X:%04X", v4.sin_addr.s_addr, ntohs(v4.sin_port));
  } else if (end.storage.ss_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &end.storage, sizeof v6);
    std::array<std::uint32_t, 4> words{};
    std::memcpy(words.data(), &v6.sin6_addr, sizeof v6.sin6_addr);
    std::snprintf(text.data(), text.size(), "%08X%08X%08X%08X:%04X", words[0], words[1], words[2], words[3],
                  ntohs(v6.sin6_port));
  }
  return text.data();
}

/// The words of one row: sl local remote st queues timer retransmits uid timeout inode …
std::vector<std::string> words_of(std::string_view row) {
  std::vector<std::string> words;
  for (std::string& word : split(row, ' ')) {
    if (!word.empty()) words.push_back(std::move(word));
  }
  return words;
}

std::optional<uid_t> owner_in(const std::string& text, const std::string& local, const std::string& remote) {
  const std::string wanted = " " + local + " " + remote + " ";
  const std::size_t at = text.find(wanted);
  if (at == std::string::npos) return std::nullopt;
  const auto words = words_of(std::string_view(text).substr(at, text.find('\n', at) - at));
  if (words.size() < 9) return std::nullopt;
  const auto uid = parse_number(words[6]), inode = parse_number(words[8]);
  if (!uid || !inode || *inode == 0) return std::nullopt;
  return static_cast<uid_t>(*uid);
}

std::optional<uid_t> tcp_peer(int socket, SocketTables& tables) {
  End here, there;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&here.storage), &here.size) != 0 ||
      ::getpeername(socket, reinterpret_cast<sockaddr*>(&there.storage), &there.size) != 0) {
    return std::nullopt;
  }
  const std::string ours = in_table(here), theirs = in_table(there);
  if (here.storage.ss_family == AF_INET6) return owner_in(tables.v6(), theirs, ours);
  if (const auto owner = owner_in(tables.v4(), theirs, ours)) return owner;
  // A client may have reached 127.0.0.1 over an IPv6 socket.
  const std::string mapped = "0000000000000000FFFF0000";
  return owner_in(tables.v6(), mapped + theirs, mapped + ours);
}

}  // namespace

Fd open_unix_listener(const std::string& path) {
  const sockaddr_un to = unix_address(path);
  // Of processes that start together, one finds the place free.
  const auto slash = path.rfind('/');
  const Fd lock = lock_folder(slash == std::string::npos ? "." : path.substr(0, slash + 1), lock_patience);
  clear_place(path, to);
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // The mode of the socket itself is the mode of the file that bind makes: never open to others, not even for a moment.
  if (!fd || ::fchmod(fd.get(), 0600) != 0 || ::bind(fd.get(), generic(to), sizeof to) != 0 ||
      ::listen(fd.get(), SOMAXCONN) != 0) {
    if (errno == EADDRINUSE) throw Error(Code::address_in_use, path + " is taken", "Choose another path.");
    throw system_error("listen on", path, errno);
  }
  return fd;
}

Transport transport_of(int socket) noexcept {
  int domain = 0;
  socklen_t size = sizeof domain;
  ::getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &domain, &size);
  return domain == AF_UNIX ? Transport::unix_socket : Transport::tcp;
}

const std::string& SocketTables::v4() {
  if (!v4_) v4_ = read_file_if_there("/proc/self/net/tcp").value_or("");
  return *v4_;
}
const std::string& SocketTables::v6() {
  if (!v6_) v6_ = read_file_if_there("/proc/self/net/tcp6").value_or("");
  return *v6_;
}

std::optional<uid_t> peer_of(int socket) {
  SocketTables tables;
  return peer_of(socket, tables);
}

std::optional<uid_t> peer_of(int socket, SocketTables& tables) {
  if (transport_of(socket) == Transport::tcp) return tcp_peer(socket, tables);
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return std::nullopt;
  return peer.uid;
}

}  // namespace ymgr::http
