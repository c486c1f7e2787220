// A PostgreSQL server of the test program's own, on a Unix socket in a temporary folder. It ends with the program.
#pragma once
#include <sys/types.h>

#include <string>

#include "base/files.hpp"

namespace ymgr::test {

class Postgres {
 public:
  /// The program's one server, started when it is first asked for. Fails where PostgreSQL is not installed.
  static const Postgres& here();

  Postgres();
  ~Postgres();
  Postgres(const Postgres&) = delete;
  Postgres& operator=(const Postgres&) = delete;
  /// Folder of the socket; the port is 5432.
  std::string host() const { return folder_.path(); }
  /// A superuser without password. A role "locked" needs its password.
  static constexpr auto user = "anna";
  void stop() const;
  void start();

 private:
  TemporaryFolder folder_{"ymgr-pg"};
  std::string programs_;
  pid_t server_ = -1;
};

}  // namespace ymgr::test
