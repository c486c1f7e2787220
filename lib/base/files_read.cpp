// Reading whole files, and files that hold a secret.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/interrupt.hpp"

namespace ymgr {
namespace {

constexpr std::size_t secret_limit = 64 * 1024;

// Fills `out`; returns how many bytes came before the end.
std::size_t read_up_to(int fd, std::span<char> out, const std::string& path) {
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t count = ::read(fd, out.data() + done, out.size() - done);
    if (count == 0) break;
    if (count > 0) {
      done += static_cast<std::size_t>(count);
    } else if (errno == EINTR) {
      throw_if_interrupted();
    } else {
      throw system_error("read", path, errno);
    }
  }
  return done;
}

Error too_large(const std::string& path, std::size_t limit) {
  return Error(Code::file_too_large, path + " is larger than " + std::to_string(limit) + " bytes",
               "split it, or check that it is the right file");
}

std::string read_all(int fd, const std::string& path, std::size_t limit) {
  struct stat status {};
  if (fstat(fd, &status) != 0) throw system_error("read", path, errno);
  std::string data;
  std::size_t done = 0;
  // One byte more than the file has, so that its end is seen without growing.
  std::size_t room = S_ISREG(status.st_mode) ? static_cast<std::size_t>(status.st_size) + 1 : 4096;
  for (;;) {
    data.resize(std::min(room, limit + 1));
    done += read_up_to(fd, std::span(data).subspan(done), path);
    if (done > limit) throw too_large(path, limit);
    if (done < data.size()) break;
    room = data.size() * 2;
  }
  data.resize(done);
  return data;
}

Secret read_secret(int fd, const std::string& path) {
  Secret data(secret_limit + 1);
  std::size_t size = read_up_to(fd, data.fill(), path);
  if (size > secret_limit) throw too_large(path, secret_limit);
  if (size > 0 && data.reveal()[size - 1] == '\n') --size;
  return Secret(data.reveal().substr(0, size));
}

void require_secret_file(int fd, const std::string& path) {
  struct stat status {};
  if (fstat(fd, &status) != 0) throw system_error("read", path, errno);
  if (!S_ISREG(status.st_mode)) throw Error(Code::file_unsafe, path + " is not a regular file", "name the file itself");
  if (status.st_uid != geteuid() && status.st_uid != 0) {
    throw Error(Code::file_unsafe, path + " belongs to another user",
                "chown " + std::to_string(geteuid()) + " " + path);
  }
  const mode_t open_bits = status.st_mode & 0777;
  // systemd grants a service its credential by an ACL, which shows in the mode as a right of root's group.
  const bool credential = status.st_uid == 0 && status.st_gid == 0 && open_bits == 0440;
  if ((open_bits & 077) != 0 && !credential) {
    throw Error(Code::file_unsafe, path + " can be read by others", "chmod 600 " + path);
  }
}

}  // namespace

std::string read_file(const std::string& path, std::size_t limit) {
  auto data = read_file_if_there(path, limit);
  if (!data) throw system_error("open", path, ENOENT);
  return std::move(*data);
}

std::optional<std::string> read_file_if_there(const std::string& path, std::size_t limit) {
  const Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) {
    if (errno == ENOENT) return std::nullopt;
    throw system_error("open", path, errno);
  }
  return read_all(file.get(), path, limit);
}

std::string read_stdin(std::size_t limit) {
  return read_all(STDIN_FILENO, "standard input", limit);
}

FileReader::FileReader(const std::string& path) : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC)), path_(path) {
  if (!fd_) throw system_error("open", path, errno);
}

FileReader FileReader::standard_input() {
  Fd fd(fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
  if (!fd) throw system_error("open", "standard input", errno);
  return {std::move(fd), "standard input"};
}

std::size_t FileReader::read(std::span<char> out) {
  return read_up_to(fd_.get(), out, path_);
}

Secret read_secret_file(const std::string& path) {
  // Without O_NONBLOCK a named pipe would hang before it can be refused.
  const Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file) {
    if (errno == ELOOP) throw Error(Code::file_unsafe, path + " is a link", "name the file itself");
    throw system_error("open", path, errno);
  }
  require_secret_file(file.get(), path);
  return read_secret(file.get(), path);
}

Secret read_secret_stdin() {
  return read_secret(STDIN_FILENO, "standard input");
}

}  // namespace ymgr
