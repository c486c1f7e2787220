#include "support/postgres.hpp"

#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
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

}  // namespace

const Postgres& Postgres::here() {
  static const Postgres server;
  return server;
}

Postgres::Postgres() : programs_(newest_programs()) {
  if (const auto* owner = ordinary_user())
    require(::chown(host().c_str(), owner->pw_uid, owner->pw_gid) == 0, "chown", "/dev/null");
  const auto log = host() + "/log";
  // A language's order, so that what relies on the database's collation shows.
  const auto made = spawn({programs_ + "/initdb", "-D", host() + "/data", "-U", user, "-A", "trust", "-N", "-E", "UTF8",
                           "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en", "--no-instructions"},
                          log);
  int status = 0;
  require(::waitpid(made, &status, 0) == made && status == 0, "initdb", log);
  std::ofstream(host() + "/data/pg_hba.conf") << "local all locked scram-sha-256\nlocal all all trust\n";
  start();
}

void Postgres::start() {
  const auto data = host() + "/data";
  server_ = spawn({programs_ + "/postgres",
                   "-D",
                   data,
                   "-k",
                   host(),
                   "-c",
                   "listen_addresses=",
                   "-c",
                   "fsync=off",
                   "-c",
                   "full_page_writes=off",
                   "-c",
                   "wal_level=minimal",
                   "-c",
                   "max_wal_senders=0",
                   "-c",
                   "autovacuum=off",
                   "-c",
                   "max_connections=40",
                   "-c",
                   "shared_buffers=32MB"},
                  host() + "/log");
  constexpr int most_waits = 6000;
  for (int i = 0; i < most_waits && !is_ready(data + "/postmaster.pid"); ++i) {
    require(::waitpid(server_, nullptr, WNOHANG) == 0, "postgres", host() + "/log");
    ::poll(nullptr, 0, 5);
  }
}

void Postgres::stop() const {
  ::kill(server_, SIGQUIT);
  ::waitpid(server_, nullptr, 0);
}

Postgres::~Postgres() {
  stop();
}

}  // namespace ymgr::test
