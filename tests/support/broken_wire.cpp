#include "support/broken_wire.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <stdexcept>
#include <vector>

namespace ymgr::test {
namespace {

constexpr int patience_milliseconds = 20;

sockaddr_un address_in(const std::string& folder) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const auto path = folder + "/.s.PGSQL.5432";
  if (path.size() >= sizeof address.sun_path) throw std::runtime_error("the folder's name is too long: " + path);
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

Fd connect_to(const std::string& folder) {
  const auto address = address_in(folder);
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return {};
  return fd;
}

/// Empty: the other side has closed.
std::string receive(int fd) {
  std::array<char, 65536> bytes{};
  const auto size = ::recv(fd, bytes.data(), bytes.size(), 0);
  return size > 0 ? std::string(bytes.data(), static_cast<std::size_t>(size)) : std::string();
}

bool send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto size = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (size <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(size));
  }
  return true;
}

}  // namespace

BrokenWire::BrokenWire(std::string server)
    : server_(std::move(server)), listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const auto address = address_in(host());
  if (::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener_.get(), 8) != 0)
    throw std::runtime_error("the wire can't listen");
  thread_ = std::thread([this] { serve(); });
}

BrokenWire::~BrokenWire() {
  ends_ = true;
  thread_.join();
}

/// One connection after the other is enough: who lost one makes another.
void BrokenWire::serve() {
  while (!ends_) {
    pollfd entry{listener_.get(), POLLIN, 0};
    if (::poll(&entry, 1, patience_milliseconds) <= 0) continue;
    const Fd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (client) forward(client.get());
  }
}

bool BrokenWire::pass_request(int client, int server) const {
  const auto bytes = receive(client);
  if (bytes.empty()) return false;
  const auto loss = loss_.load();
  if (loss == Loss::none || bytes.find(word_) == std::string::npos) return send_all(server, bytes);
  loss_ = Loss::none;
  if (loss == Loss::request) return false;
  send_all(server, bytes);
  receive(server);  // it has been done
  return false;
}

void BrokenWire::forward(int client) const {
  const Fd server = connect_to(server_);
  if (!server) return;
  for (;;) {
    std::array<pollfd, 2> entries{{{client, POLLIN, 0}, {server.get(), POLLIN, 0}}};
    if (::poll(entries.data(), entries.size(), patience_milliseconds) < 0 || ends_) return;
    if (entries[0].revents != 0 && !pass_request(client, server.get())) return;
    if (entries[1].revents == 0) continue;
    const auto bytes = receive(server.get());
    if (bytes.empty() || !send_all(client, bytes)) return;
  }
}

}  // namespace ymgr::test
