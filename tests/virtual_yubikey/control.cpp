#include "virtual_yubikey/control.hpp"

#include <sys/socket.h>

#include <algorithm>

namespace virtual_yubikey {
namespace {

constexpr std::size_t longest_line = 65536;

bool ready(const std::vector<pollfd>& polled, const Descriptor& descriptor) {
  return std::ranges::any_of(polled,
                             [&](const pollfd& entry) { return entry.fd == descriptor.get() && entry.revents != 0; });
}

}  // namespace

void Control::add_to(std::vector<pollfd>& polled) const {
  polled.push_back({listener_.get(), POLLIN, 0});
  for (const Client& client : clients_) polled.push_back({client.connection.get(), POLLIN, 0});
}

void Control::serve(const std::vector<pollfd>& polled) {
  for (auto client = clients_.begin(); client != clients_.end();) {
    const bool gone = ready(polled, client->connection) && !serve(*client);
    client = gone ? clients_.erase(client) : std::next(client);
  }
  if (ready(polled, listener_)) {
    Descriptor connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (connection) clients_.push_back({std::move(connection), {}});
  }
}

/// False: the client has gone, or says too much.
bool Control::serve(Client& client) {
  char buffer[4096];
  const auto size = ::recv(client.connection.get(), buffer, sizeof buffer, 0);
  if (size <= 0) return false;
  client.input.append(buffer, static_cast<std::size_t>(size));
  for (auto end = client.input.find('\n'); end != std::string::npos; end = client.input.find('\n')) {
    const std::string line = client.input.substr(0, end);
    client.input.erase(0, end + 1);
    const std::string answer = handler_(line) + "\n";
    static_cast<void>(::send(client.connection.get(), answer.data(), answer.size(), MSG_NOSIGNAL));
  }
  return client.input.size() < longest_line;
}

}  // namespace virtual_yubikey
