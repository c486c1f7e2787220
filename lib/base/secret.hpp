// A value that must not leak: password, private key, data key. Move-only, never grows, clears itself.
#pragma once
#include <cstddef>
#include <span>
#include <string_view>

namespace ymgr {

class Secret {
 public:
  Secret() noexcept = default;
  /// `size` zero bytes.
  explicit Secret(std::size_t size);
  /// Copies; the caller clears its own copy (see absorb).
  explicit Secret(std::string_view bytes);
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret();
  /// Takes the bytes out of `source` and clears them there.
  static Secret absorb(std::span<char> source);
  /// `size` random bytes from the operating system.
  static Secret random(std::size_t size);

  Secret clone() const { return Secret(reveal()); }
  /// Keeps the first `size` bytes and clears the rest. size <= this->size().
  void shrink(std::size_t size) noexcept;
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  /// The only way out: one grep for it audits every use. Valid while the Secret lives.
  std::string_view reveal() const noexcept { return {data_, size_}; }
  /// For filling it in place.
  std::span<char> fill() noexcept { return {data_, size_}; }

 private:
  void release() noexcept;

  char* data_ = nullptr;
  std::size_t size_ = 0, capacity_ = 0;
  bool locked_ = false;  // in pages of its own
};

/// From now on every new Secret of the process lives in pages of its own that are neither swapped nor dumped. For programs
/// that run long; where the system allows no locked memory, such pages may be swapped all the same.
void lock_secrets() noexcept;

}  // namespace ymgr
