#pragma once
#include <optional>

#include "virtual_yubikey/bytes.hpp"
#include "virtual_yubikey/socket.hpp"

namespace virtual_yubikey {

/// The connection to a vpcd reader. Frames in both directions: two bytes of length, then as many bytes.
class Vpcd {
 public:
  Vpcd(std::string host, std::string port) : host_(std::move(host)), port_(std::move(port)) {}
  /// Plugs in. False: no reader listens.
  bool connect();
  /// Pulls out.
  void close() { connection_.close(); }
  bool connected() const { return static_cast<bool>(connection_); }
  int descriptor() const { return connection_.get(); }

  /// The next frame; nothing: the reader has gone.
  std::optional<Bytes> receive();
  void send(View frame);

 private:
  bool read(Byte* to, std::size_t size);

  std::string host_, port_;
  Descriptor connection_;
};

}  // namespace virtual_yubikey
