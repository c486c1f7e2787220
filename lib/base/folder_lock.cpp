#include "base/folder_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>

#include "base/error.hpp"

namespace ymgr {

Fd lock_folder(const std::string& path) {
  Fd folder(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) throw system_error("open", path, errno);
  while (flock(folder.get(), LOCK_EX) != 0)
    if (errno != EINTR) throw system_error("lock", path, errno);
  return folder;
}

}  // namespace ymgr
