#include "base/secret.hpp"

#include <string.h>
#include <sys/mman.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include "base/crypto.hpp"

namespace ymgr {
namespace {

constinit std::atomic<bool> locking{false};

char* map_locked(std::size_t size) noexcept {
  void* const pages = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) return nullptr;
  ::mlock(pages, size);
  ::madvise(pages, size, MADV_DONTDUMP);
  return static_cast<char*>(pages);
}

}  // namespace

void lock_secrets() noexcept {
  locking = true;
}

Secret::Secret(std::size_t size) : size_(size), capacity_(size) {
  if (size == 0) return;
  locked_ = locking;
  data_ = locked_ ? map_locked(size) : static_cast<char*>(std::calloc(size, 1));
  if (data_ == nullptr) throw std::bad_alloc();
}

void Secret::release() noexcept {
  if (data_ == nullptr) return;
  explicit_bzero(data_, capacity_);
  if (locked_) {
    ::munmap(data_, capacity_);
  } else {
    std::free(data_);
  }
}

Secret::Secret(std::string_view bytes) : Secret(bytes.size()) {
  if (!bytes.empty()) std::memcpy(data_, bytes.data(), bytes.size());
}

Secret::Secret(Secret&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      capacity_(std::exchange(other.capacity_, 0)),
      locked_(other.locked_) {}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    release();
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
    capacity_ = std::exchange(other.capacity_, 0);
    locked_ = other.locked_;
  }
  return *this;
}

Secret::~Secret() {
  release();
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
