#include "virtual_yubikey/vpcd.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace virtual_yubikey {

bool Vpcd::connect() {
  connection_ = connect_tcp(host_, port_);
  return connected();
}

bool Vpcd::read(Byte* to, std::size_t size) {
  return ::recv(connection_.get(), to, size, MSG_WAITALL) == static_cast<ssize_t>(size);
}

std::optional<Bytes> Vpcd::receive() {
  Byte length[2];
  if (!read(length, sizeof length)) return std::nullopt;
  // vpcd sends the length by itself and the rest once that is acknowledged, which the kernel would do 40 ms later.
  const int on = 1;
  ::setsockopt(connection_.get(), IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
  Bytes frame(static_cast<std::size_t>(length[0]) << 8 | length[1]);
  if (!frame.empty() && !read(frame.data(), frame.size())) return std::nullopt;
  return frame;
}

void Vpcd::send(View frame) {
  Bytes bytes = number(frame.size(), 2);
  append(bytes, frame);
  // A reader that has gone is noticed by the next receive().
  static_cast<void>(::send(connection_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL));
}

}  // namespace virtual_yubikey
