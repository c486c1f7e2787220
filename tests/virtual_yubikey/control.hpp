#pragma once
#include <poll.h>

#include <functional>
#include <list>
#include <string>
#include <vector>

#include "virtual_yubikey/socket.hpp"

namespace virtual_yubikey {

/// A Unix socket that takes one command a line and answers each with one line.
class Control {
 public:
  using Handler = std::function<std::string(const std::string& line)>;
  Control(const std::string& path, Handler handler) : listener_(listen_unix(path)), handler_(std::move(handler)) {}

  void add_to(std::vector<pollfd>& polled) const;
  /// Serves whoever poll() found ready.
  void serve(const std::vector<pollfd>& polled);

 private:
  struct Client {
    Descriptor connection;
    std::string input;
  };
  bool serve(Client& client);

  Descriptor listener_;
  Handler handler_;
  std::list<Client> clients_;
};

}  // namespace virtual_yubikey
