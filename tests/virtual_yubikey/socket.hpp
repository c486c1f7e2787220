#pragma once
#include <string>
#include <utility>

namespace virtual_yubikey {

/// Owns a file descriptor; -1: none.
class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor() { close(); }
  int get() const { return number_; }
  explicit operator bool() const { return number_ >= 0; }
  void close();

 private:
  int number_;
};

/// A TCP connection, or none when nobody listens. @throws std::runtime_error an unknown host
Descriptor connect_tcp(const std::string& host, const std::string& port);
/// Listens on a Unix socket that only its owner may use; what stood at `path` before is replaced.
Descriptor listen_unix(const std::string& path);

}  // namespace virtual_yubikey
