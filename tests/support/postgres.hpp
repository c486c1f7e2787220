// A PostgreSQL server of the test program's own, on a Unix socket in a temporary folder. It ends with the program.
#pragma once
#include <sys/types.h>

#include <string>

#include "base/files.hpp"

namespace ymgr::test {

/// tls: on 127.0.0.1, too, with a certificate for localhost. replicas: standbys may follow.
enum class Listen { socket, tls, replicas };

class Postgres {
 public:
  /// The program's one server, started when it is first asked for. Fails where PostgreSQL is not installed.
  static const Postgres& here();

  explicit Postgres(Listen listen = Listen::socket);
  /// A standby that follows `primary`.
  explicit Postgres(const Postgres* primary);
  ~Postgres();
  Postgres(const Postgres&) = delete;
  Postgres& operator=(const Postgres&) = delete;
  /// Folder of the socket.
  std::string host() const { return folder_.path(); }
  std::string port() const { return std::to_string(port_); }
  /// What signed the server's certificate.
  std::string ca_file() const { return host() + "/server.crt"; }
  /// A superuser without password. A role "locked" needs its password.
  static constexpr auto user = "anna";
  /// At once, as if it had crashed.
  void stop();
  void start();
  /// The standby takes over.
  void promote() const;

 private:
  TemporaryFolder folder_{"ymgr-pg"};
  std::string programs_;
  Listen listen_;
  int port_ = 5432;
  pid_t server_ = -1;
};

/// PgBouncer before a server's socket.
class Pooler {
 public:
  /// @param mode  "session", "transaction"
  Pooler(const Postgres& server, const std::string& mode);
  ~Pooler();
  Pooler(const Pooler&) = delete;
  Pooler& operator=(const Pooler&) = delete;
  std::string host() const { return folder_.path(); }
  static constexpr auto port = "6432";

 private:
  TemporaryFolder folder_{"ymgr-pool"};
  pid_t pooler_ = -1;
};

}  // namespace ymgr::test
