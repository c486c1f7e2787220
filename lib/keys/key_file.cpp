#include "keys/key_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <memory>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "x509/key.hpp"

namespace ymgr {
namespace {

constexpr off_t largest_key = 64 * 1024;
constexpr mode_t too_open = S_IWGRP | S_IXGRP | S_IRWXO;

struct stat status_of(const Fd& fd, const std::string& path) {
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) throw system_error("read", path, errno);
  return status;
}

void require_safe(const struct stat& status, const std::string& path) {
  if (!S_ISREG(status.st_mode)) throw Error(Code::file_unsafe, "key " + path + " is not a regular file");
  if (status.st_uid != ::geteuid() && status.st_uid != 0)
    throw Error(Code::file_unsafe, "key " + path + " belongs to another user", "chown it to the user that runs ymgr");
  if ((status.st_mode & too_open) != 0)
    throw Error(Code::file_unsafe, "key " + path + " is open to others", "chmod 0640 " + path);
}

Secret read_all(const Fd& fd, off_t file_size, const std::string& path) {
  if (file_size > largest_key) throw Error(Code::key_invalid, "key file " + path + " is too large");
  Secret text(static_cast<std::size_t>(file_size));
  std::size_t size = 0;
  while (size < text.size()) {
    const auto got = ::read(fd.get(), text.fill().data() + size, text.size() - size);
    if (got < 0 && errno != EINTR) throw system_error("read", path, errno);
    if (got == 0) break;
    if (got > 0) size += static_cast<std::size_t>(got);
  }
  text.shrink(size);
  return text;
}

/// Or held it: its destruction was begun.
bool holds_key(const Fd& fd, off_t size, const std::string& path, std::string_view public_key_sha256) {
  const Secret text = read_all(fd, size, path);
  if (text.reveal().starts_with('\0')) return true;  // no key begins so: overwritten by a process that was stopped then
  try {
    return hex(PrivateKey::from_pem(text).public_key().sha256) == public_key_sha256;
  } catch (const Error& error) {
    if (error.code() != Code::key_invalid) throw;
    return false;
  }
}

void overwrite(const Fd& fd, off_t size, const std::string& path) {
  constexpr std::array<char, 4096> zeros{};
  for (off_t done = 0; done < size;) {
    const auto want = std::min<std::size_t>(zeros.size(), static_cast<std::size_t>(size - done));
    const auto written = ::write(fd.get(), zeros.data(), want);
    if (written < 0 && errno != EINTR) throw system_error("overwrite", path, errno);
    if (written > 0) done += written;
  }
  if (::fsync(fd.get()) != 0) throw system_error("overwrite", path, errno);
}

}  // namespace

Secret read_key_file(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd && (errno == ENOENT || errno == ENOTDIR)) throw Error(Code::key_not_found, "there is no key file " + path);
  if (!fd) throw system_error("read", path, errno);
  const auto status = status_of(fd, path);
  require_safe(status, path);
  return read_all(fd, status.st_size, path);
}

mode_t parse_key_mode(std::string_view text) {
  const mode_t mode = parse_file_mode(text);
  if ((mode & too_open) != 0 || (mode & S_IRUSR) == 0)
    throw Error(Code::usage, "not a mode for a private key: " + std::string(text),
                "0600, or 0640 with a group that reads it; certificates are readable for everybody");
  return mode;
}

bool destroy_key_file(const std::string& path, std::string_view public_key_sha256) {
  struct Free {
    void operator()(char* text) const noexcept { std::free(text); }
  };
  const std::unique_ptr<char, Free> real(::realpath(path.c_str(), nullptr));
  if (!real && (errno == ENOENT || errno == ENOTDIR)) return false;
  if (!real) throw system_error("destroy", path, errno);
  const std::string target = real.get();
  {
    const Fd fd(::open(target.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!fd) throw system_error("destroy", target, errno);
    const auto status = status_of(fd, target);
    if (!S_ISREG(status.st_mode)) throw Error(Code::file_unsafe, "key " + target + " is not a regular file");
    if (!public_key_sha256.empty() && !holds_key(fd, status.st_size, target, public_key_sha256)) return false;
    if (::lseek(fd.get(), 0, SEEK_SET) != 0) throw system_error("overwrite", target, errno);
    overwrite(fd, status.st_size, target);
  }
  remove_file(target);
  sync_folder(target.substr(0, target.rfind('/') + 1));
  return true;
}

}  // namespace ymgr
