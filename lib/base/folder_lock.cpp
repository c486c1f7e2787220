#include "base/folder_lock.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>

#include <cerrno>

#include "base/error.hpp"

namespace ymgr {

Fd lock_folder(const std::string& path, std::optional<std::chrono::seconds> patience) {
  constexpr int pause_ms = 10;
  Fd folder(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) throw system_error("open", path, errno);
  const auto end = std::chrono::steady_clock::now() + patience.value_or(std::chrono::seconds(0));
  while (flock(folder.get(), patience ? LOCK_EX | LOCK_NB : LOCK_EX) != 0) {
    if (errno != EINTR && errno != EWOULDBLOCK) throw system_error("lock", path, errno);
    if (patience && std::chrono::steady_clock::now() >= end) return {};
    if (patience) ::poll(nullptr, 0, pause_ms);
  }
  return folder;
}

}  // namespace ymgr
