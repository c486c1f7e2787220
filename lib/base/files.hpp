// Files that must not be half-written, and files that must not be readable by others.
#pragma once
#include <sys/types.h>

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.hpp"

namespace ymgr {

/// An owned file descriptor.
class Fd {
 public:
  Fd() noexcept = default;
  explicit Fd(int fd) noexcept : fd_(fd) {}
  Fd(Fd&& o) noexcept : fd_(o.fd_) { o.fd_ = -1; }
  Fd& operator=(Fd&& o) noexcept;
  ~Fd();
  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

inline constexpr std::size_t default_file_limit = 16 * 1024 * 1024;

/// The whole file. @throws Error file-not-found, file-denied, file-too-large, disk-unusable
std::string read_file(const std::string& path, std::size_t limit = default_file_limit);
/// nullopt: no such file.
std::optional<std::string> read_file_if_there(const std::string& path, std::size_t limit = default_file_limit);
/// Standard input to its end. @throws Error file-too-large
std::string read_stdin(std::size_t limit = default_file_limit);
/// A secret in a file: a regular file (links refused), own or root's, no access for group and others, 64 KiB at most; one
/// trailing newline is dropped. Files of CREDENTIALS_DIRECTORY (0400, or root:root 0440 with an ACL) pass. @throws Error file-unsafe, file-not-found, file-denied
Secret read_secret_file(const std::string& path);
Secret read_secret_stdin();

struct FileMode {
  mode_t mode = 0600;
  std::optional<gid_t> group;
};
enum class Existing { refuse, replace };
/// Temporary file beside it, fsync, rename, fsync of the folder. What stood there is replaced whole, a link too.
/// @throws Error file-exists, disk-unusable, file-denied; file-unsafe: a device, pipe or folder stands there
void write_file(const std::string& path, std::string_view data, const FileMode& mode = {},
                Existing existing = Existing::replace);
/// The same, piece by piece: nothing stands there until commit().
class FileWriter {
 public:
  FileWriter(std::string path, FileMode mode, Existing existing);
  ~FileWriter();
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;
  void write(std::string_view data);
  void commit();

 private:
  void place_new();

  std::string target_, path_;
  FileMode mode_;
  Existing existing_;
  Fd fd_;
  bool moved_ = false;
};
/// A file, or standard input, piece by piece.
class FileReader {
 public:
  explicit FileReader(const std::string& path);
  static FileReader standard_input();
  /// Fills the span, or as much of it as there is left; returns how much.
  std::size_t read(std::span<char> out);

 private:
  FileReader(Fd fd, std::string path) noexcept : fd_(std::move(fd)), path_(std::move(path)) {}

  Fd fd_;
  std::string path_;
};
/// Creates one folder with exactly this mode; @return false: it was there.
bool make_folder(const std::string& path, mode_t mode);
/// With its parents; created ones get `mode`.
void make_folders(const std::string& path, mode_t mode);
void sync_folder(const std::string& path);
void remove_file(const std::string& path);  // missing: fine
void remove_tree(const std::string& path);  // missing: fine; follows no links
void rename_file(const std::string& from, const std::string& to);
/// An atomic symlink change: makes `path` point to `target`; a file that stands there is replaced.
void point_link(const std::string& path, const std::string& target);
/// nullopt: missing, or not a link.
std::optional<std::string> read_link(const std::string& path);
bool exists(const std::string& path);                           // follows links
bool is_folder(const std::string& path);                        // follows links
std::vector<std::string> list_folder(const std::string& path);  // names, sorted; missing: empty

/// Owned by this user (or root), no access for others beyond `allowed` (0700 for a profile, 0755 for install.d).
/// @throws Error file-unsafe with a chmod or chown line as hint
void require_private(const std::string& path, mode_t allowed, std::string_view what);
/// A name or a number. @throws Error usage: no such group
gid_t group_id(const std::string& name);
/// "640" or "0640". @throws Error usage: not octal, above 0777, or writable by others
mode_t parse_file_mode(std::string_view text);

/// An exclusive lock on a file, freed on destruction. nullopt: somebody else holds it.
std::optional<Fd> try_lock(const std::string& path);
/// Creates a folder that only we can enter and removes it at the end: /tmp/PREFIX-XXXXXX, or PREFIX-XXXXXX when the
/// prefix has a slash.
class TemporaryFolder {
 public:
  explicit TemporaryFolder(std::string_view prefix);
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

}  // namespace ymgr
