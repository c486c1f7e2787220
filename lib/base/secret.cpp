#include "base/secret.hpp"

#include <string.h>

#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include "base/crypto.hpp"

namespace ymgr {
namespace {

void wipe_and_free(char* data, std::size_t capacity) noexcept {
  if (data == nullptr) return;
  explicit_bzero(data, capacity);
  std::free(data);
}

}  // namespace

Secret::Secret(std::size_t size) : size_(size), capacity_(size) {
  if (size == 0) return;
  data_ = static_cast<char*>(std::calloc(size, 1));
  if (data_ == nullptr) throw std::bad_alloc();
}

Secret::Secret(std::string_view bytes) : Secret(bytes.size()) {
  if (!bytes.empty()) std::memcpy(data_, bytes.data(), bytes.size());
}

Secret::Secret(Secret&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      capacity_(std::exchange(other.capacity_, 0)) {}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    wipe_and_free(data_, capacity_);
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
    capacity_ = std::exchange(other.capacity_, 0);
  }
  return *this;
}

Secret::~Secret() {
  wipe_and_free(data_, capacity_);
}

Secret Secret::absorb(std::span<char> source) {
  Secret taken(std::string_view(source.data(), source.size()));
  if (!source.empty()) explicit_bzero(source.data(), source.size());
  return taken;
}

Secret Secret::random(std::size_t size) {
  Secret made(size);
  fill_random(made.fill());
  return made;
}

void Secret::shrink(std::size_t size) noexcept {
  if (size >= size_) return;
  explicit_bzero(data_ + size, size_ - size);
  size_ = size;
}

}  // namespace ymgr
