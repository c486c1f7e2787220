// Owners, modes and groups.
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"

namespace ymgr {
namespace {

std::string octal(mode_t mode) {
  std::string out = "0";
  for (const unsigned shift : {6U, 3U, 0U}) out += static_cast<char>('0' + ((mode >> shift) & 7U));
  return out;
}

}  // namespace

void require_private(const std::string& path, mode_t allowed, std::string_view what) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) throw system_error("look at", path, errno);
  const std::string name = std::string(what) + " " + path;
  if (status.st_uid != geteuid() && status.st_uid != 0) {
    throw Error(Code::file_unsafe, name + " belongs to another user",
                "chown " + std::to_string(geteuid()) + " " + shell_quote(path), {{"path", path}});
  }
  const mode_t mode = status.st_mode & 0777;
  if ((mode & 077 & ~allowed) != 0) {
    throw Error(Code::file_unsafe, name + " has mode " + octal(mode) + ", which is open to others",
                "chmod " + octal(mode & (allowed | 0700)) + " " + shell_quote(path), {{"path", path}});
  }
}

gid_t group_id(const std::string& name) {
  std::string buffer(16 * 1024, '\0');
  group entry{};
  group* found = nullptr;
  int status = 0;
  while ((status = getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found)) == ERANGE) {
    buffer.resize(buffer.size() * 4);
  }
  if (found != nullptr) return found->gr_gid;
  if (const auto number = parse_number(name); number && *number < 0xFFFFFFFF) return static_cast<gid_t>(*number);
  throw Error(Code::usage, "no such group: " + printable(name),
              "name a group of this host, as `getent group` lists them");
}

mode_t parse_file_mode(std::string_view text) {
  unsigned mode = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
  const bool octal_digits = error == std::errc{} && end == text.data() + text.size();
  if (!octal_digits || text.size() < 3 || text.size() > 4 || mode > 0777 || (mode & 2) != 0) {
    throw Error(Code::usage, "not a file mode: \"" + printable(text) + "\"",
                "write three octal digits, such as 640, without write access for others");
  }
  return mode;
}

}  // namespace ymgr
