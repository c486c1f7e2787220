#include "support/postgres.hpp"

#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <netinet/in.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <stdexcept>
#include <vector>

namespace ymgr::test {
namespace {

std::string newest_programs() {
  glob_t found{};
  std::string folder;
  if (::glob("/usr/lib/postgresql/*/bin", 0, nullptr, &found) == 0) folder = found.gl_pathv[found.gl_pathc - 1];
  ::globfree(&found);
  if (folder.empty()) throw std::runtime_error("PostgreSQL is not installed: apt-get install postgresql");
  return folder;
}

/// PostgreSQL refuses root.
const passwd* ordinary_user() {
  return ::getuid() == 0 ? ::getpwnam("nobody") : nullptr;
}

[[noreturn]] void become(const std::vector<std::string>& words, const std::string& log, pid_t parent) {
  const auto* user = ordinary_user();
  if (user != nullptr && (::setgroups(0, nullptr) != 0 || ::setgid(user->pw_gid) != 0 || ::setuid(user->pw_uid) != 0))
    ::_exit(126);
  ::prctl(PR_SET_PDEATHSIG, SIGQUIT);  // PostgreSQL's "at once"
  if (::getppid() != parent) ::_exit(126);
  ::setsid();  // a terminal's interrupt is the test's
  const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  ::dup2(out, 1);
  ::dup2(out, 2);
  std::vector<char*> arguments;
  for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  char locale[] = "LC_ALL=C.UTF-8";
  char* environment[] = {locale, nullptr};
  ::execve(arguments[0], arguments.data(), environment);
  ::_exit(127);
}

pid_t spawn(const std::vector<std::string>& words, const std::string& log) {
  const auto parent = ::getpid();
  const auto child = ::fork();
  if (child == 0) become(words, log, parent);
  return child;
}

void require(bool good, const char* what, const std::string& log) {
  if (!good) throw std::runtime_error(std::string(what) + " failed: " + read_file(log));
}

bool is_ready(const std::string& pid_file) {
  const auto text = read_file_if_there(pid_file);
  return text && text->find("ready") != std::string::npos;
}

void give_away(const std::string& folder) {
  const auto* owner = ordinary_user();
  if (owner != nullptr) require(::chown(folder.c_str(), owner->pw_uid, owner->pw_gid) == 0, "chown", "/dev/null");
}

void run(const std::vector<std::string>& words, const std::string& log) {
  const auto child = spawn(words, log);
  int status = 0;
  require(::waitpid(child, &status, 0) == child && status == 0, words[0].c_str(), log);
}

template <class Ready>
void await(pid_t child, const std::string& log, const Ready& ready) {
  constexpr int most_waits = 6000;
  for (int i = 0; i < most_waits && !ready(); ++i) {
    require(::waitpid(child, nullptr, WNOHANG) == 0, "the server", log);
    ::poll(nullptr, 0, 5);
  }
}

int free_port() {
  const Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  socklen_t size = sizeof address;
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  require(::bind(fd.get(), generic, size) == 0 && ::getsockname(fd.get(), generic, &size) == 0, "bind", "/dev/null");
  return ntohs(address.sin_port);
}

}  // namespace

const Postgres& Postgres::here() {
  static const Postgres server;
  return server;
}

Postgres::Postgres(Listen listen) : programs_(newest_programs()), listen_(listen) {
  give_away(host());
  const auto log = host() + "/log", data = host() + "/data";
  // A language's order, so that what relies on the database's collation shows.
  run({programs_ + "/initdb", "-D", data, "-U", user, "-A", "trust", "-N", "-E", "UTF8", "--locale=C.UTF-8",
       "--locale-provider=icu", "--icu-locale=en", "--no-instructions"},
      log);
  std::ofstream(data + "/pg_hba.conf")
      << "local all locked scram-sha-256\nlocal all all trust\nlocal replication all trust\nhost all all all trust\n";
  if (listen == Listen::tls) {
    port_ = free_port();
    run({"/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
         "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", host() + "/server.key", "-out",
         ca_file()},
        log);
    std::ofstream(data + "/postgresql.conf", std::ios::app)
        << "ssl = on\nssl_cert_file = '" << ca_file() << "'\nssl_key_file = '" << host() << "/server.key'\n";
  }
  start();
}

Postgres::Postgres(const Postgres* primary) : programs_(newest_programs()), listen_(Listen::replicas) {
  give_away(host());
  run({programs_ + "/pg_basebackup", "-h", primary->host(), "-p", primary->port(), "-U", user, "-D", host() + "/data",
       "-R", "-c", "fast", "-N"},
      host() + "/log");
  start();
}

void Postgres::promote() const {
  run({programs_ + "/pg_ctl", "promote", "-w", "-D", host() + "/data"}, host() + "/log");
}

void Postgres::start() {
  const auto data = host() + "/data";
  std::vector<std::string> words{programs_ + "/postgres", "-D", data, "-k", host(), "-p", port()};
  for (const auto* setting :
       {"fsync=off", "full_page_writes=off", "autovacuum=off", "max_connections=40", "shared_buffers=32MB"})
    words.insert(words.end(), {"-c", setting});
  words.insert(words.end(), {"-c", listen_ == Listen::tls ? "listen_addresses=127.0.0.1" : "listen_addresses="});
  if (listen_ != Listen::replicas) words.insert(words.end(), {"-c", "wal_level=minimal", "-c", "max_wal_senders=0"});
  remove_file(data + "/postmaster.pid");  // of the one before
  server_ = spawn(words, host() + "/log");
  await(server_, host() + "/log", [&] { return is_ready(data + "/postmaster.pid"); });
}

void Postgres::stop() {
  if (server_ < 0) return;
  ::kill(server_, SIGQUIT);
  ::waitpid(server_, nullptr, 0);
  server_ = -1;
}

Postgres::~Postgres() {
  stop();
}

Pooler::Pooler(const Postgres& server, const std::string& mode) {
  give_away(host());
  const auto log = host() + "/log";
  std::ofstream(host() + "/users") << '"' << Postgres::user << "\" \"\"\n";
  std::ofstream(host() + "/pgbouncer.ini")
      << "[databases]\n* = host=" << server.host() << " port=" << server.port() << "\n[pgbouncer]\nlisten_port=" << port
      << "\nunix_socket_dir=" << host() << "\nauth_type=trust\nauth_file=" << host() << "/users\npool_mode=" << mode
      << "\n";
  pooler_ = spawn({"/usr/sbin/pgbouncer", host() + "/pgbouncer.ini"}, log);
  await(pooler_, log, [&] { return exists(host() + "/.s.PGSQL." + port); });
}

Pooler::~Pooler() {
  ::kill(pooler_, SIGQUIT);
  ::waitpid(pooler_, nullptr, 0);
}

}  // namespace ymgr::test
