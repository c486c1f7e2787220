#include "base/files.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "base/error.hpp"

namespace ymgr {
namespace {

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Fd open_or_throw(const std::string& path, int flags) {
  const int fd = open(path.c_str(), flags | O_CLOEXEC);
  if (fd < 0) throw system_error("open", path, errno);
  return Fd(fd);
}

Error exists_already(const std::string& path) {
  return {Code::file_exists, path + " exists already", "choose another path, or overwrite it with --force"};
}

}  // namespace

Fd& Fd::operator=(Fd&& o) noexcept {
  std::swap(fd_, o.fd_);
  return *this;
}

Fd::~Fd() {
  if (fd_ >= 0) close(fd_);
}

FileWriter::FileWriter(std::string path, FileMode mode, Existing existing)
    : target_(std::move(path)), path_(parent_of(target_) + "/.ymgr-XXXXXX"), mode_(mode), existing_(existing) {
  struct stat there {};
  if (stat(target_.c_str(), &there) == 0) {
    if (!S_ISREG(there.st_mode)) throw Error(Code::file_unsafe, target_ + " is not a regular file", "name a file");
    if (existing_ == Existing::refuse) throw exists_already(target_);
  }
  fd_ = Fd(mkostemp(path_.data(), O_CLOEXEC));
  if (!fd_) throw system_error("create a file in", parent_of(target_), errno);
}

FileWriter::~FileWriter() {
  if (fd_ && !moved_) unlink(path_.c_str());
}

void FileWriter::write(std::string_view data) {
  while (!data.empty()) {
    const ssize_t count = ::write(fd_.get(), data.data(), data.size());
    if (count < 0 && errno != EINTR) throw system_error("write", target_, errno);
    if (count > 0) data.remove_prefix(static_cast<std::size_t>(count));
  }
}

void FileWriter::commit() {
  // Group before mode: changing the group clears bits, and the file is never readable by the wrong group.
  if (mode_.group && fchown(fd_.get(), static_cast<uid_t>(-1), *mode_.group) != 0) {
    throw system_error("change the group of", target_, errno);
  }
  if (fchmod(fd_.get(), mode_.mode) != 0) throw system_error("change the mode of", target_, errno);
  if (fsync(fd_.get()) != 0) throw system_error("write", target_, errno);
  if (existing_ == Existing::refuse) {
    place_new();
  } else {
    if (rename(path_.c_str(), target_.c_str()) != 0) throw system_error("write", target_, errno);
    moved_ = true;
  }
  sync_folder(parent_of(target_));
}

void FileWriter::place_new() {
  if (renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, target_.c_str(), RENAME_NOREPLACE) == 0) {
    moved_ = true;
    return;
  }
  // Some file systems know no exclusive rename; a link is exclusive everywhere else.
  if (errno == EINVAL && link(path_.c_str(), target_.c_str()) == 0) return;
  if (errno == EEXIST) throw exists_already(target_);
  throw system_error("write", target_, errno);
}

void write_file(const std::string& path, std::string_view data, const FileMode& mode, Existing existing) {
  FileWriter file(path, mode, existing);
  file.write(data);
  file.commit();
}

bool make_folder(const std::string& path, mode_t mode) {
  if (mkdir(path.c_str(), 0700) != 0) {
    if (errno != EEXIST) throw system_error("create folder", path, errno);
    if (!is_folder(path)) throw system_error("create folder", path, ENOTDIR);
    return false;
  }
  const Fd folder = open_or_throw(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (fchmod(folder.get(), mode) != 0) throw system_error("change the mode of", path, errno);
  return true;
}

void make_folders(const std::string& path, mode_t mode) {
  for (std::size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    const std::string parent = path.substr(0, slash);
    if (!exists(parent)) make_folder(parent, mode);
  }
  make_folder(path, mode);
}

void sync_folder(const std::string& path) {
  const Fd folder = open_or_throw(path, O_RDONLY | O_DIRECTORY);
  // Some network file systems cannot do it for a folder.
  if (fsync(folder.get()) != 0 && errno != EINVAL) throw system_error("write folder", path, errno);
}

void remove_file(const std::string& path) {
  if (unlink(path.c_str()) != 0 && errno != ENOENT) throw system_error("remove", path, errno);
}

void remove_tree(const std::string& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (error) throw system_error("remove", path, error.value());
}

void rename_file(const std::string& from, const std::string& to) {
  if (rename(from.c_str(), to.c_str()) != 0) throw system_error("rename", from, errno);
}

void point_link(const std::string& path, const std::string& target) {
  if (read_link(path) == target) return;
  const TemporaryFolder beside(parent_of(path) + "/.ymgr");
  const std::string made = beside.path() + "/link";
  if (symlink(target.c_str(), made.c_str()) != 0) throw system_error("link", path, errno);
  rename_file(made, path);
  sync_folder(parent_of(path));
}

std::optional<std::string> read_link(const std::string& path) {
  std::string target(4096, '\0');
  const ssize_t size = readlink(path.c_str(), target.data(), target.size());
  if (size < 0) {
    if (errno == ENOENT || errno == EINVAL || errno == ENOTDIR) return std::nullopt;
    throw system_error("read link", path, errno);
  }
  target.resize(static_cast<std::size_t>(size));
  return target;
}

bool exists(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) == 0) return true;
  if (errno == ENOENT || errno == ENOTDIR) return false;
  throw system_error("look at", path, errno);
}

bool is_folder(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

std::vector<std::string> list_folder(const std::string& path) {
  struct Close {
    void operator()(DIR* folder) const noexcept { closedir(folder); }
  };
  const std::unique_ptr<DIR, Close> folder(opendir(path.c_str()));
  if (!folder) {
    if (errno == ENOENT) return {};
    throw system_error("list", path, errno);
  }
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = readdir(folder.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
    errno = 0;
  }
  if (errno != 0) throw system_error("list", path, errno);
  std::ranges::sort(names);
  return names;
}

std::optional<Fd> try_lock(const std::string& path) {
  Fd file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) throw system_error("open", path, errno);
  if (flock(file.get(), LOCK_EX | LOCK_NB) == 0) return file;
  if (errno == EWOULDBLOCK) return std::nullopt;
  throw system_error("lock", path, errno);
}

TemporaryFolder::TemporaryFolder(std::string_view prefix)
    : path_((prefix.find('/') == std::string_view::npos ? "/tmp/" : "") + std::string(prefix) + "-XXXXXX") {
  if (mkdtemp(path_.data()) == nullptr) throw system_error("create folder", path_, errno);
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace ymgr
