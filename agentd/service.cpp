#include "agentd/service.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "agentd/agent.hpp"
#include "agentd/cards.hpp"
#include "agentd/log.hpp"
#include "agentd/problem.hpp"
#include "agentd/systemd.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "http/listen.hpp"
#include "http/server.hpp"

namespace ymgr::agentd {
namespace {

constexpr unsigned request_seconds = 10;  // from the connection to the end of the request
// Longer than a card waits for touch, shorter than TimeoutStopSec= of the units.
constexpr std::chrono::seconds end_limit{35};

sigset_t ending_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
  return set;
}

/// The socket file goes when the agent does, unless another agent's stands there by now.
class SocketFile {
 public:
  explicit SocketFile(std::string path) : path_(std::move(path)), made_(look()) {}
  ~SocketFile() {
    const struct stat now = look();
    const bool is_ours = now.st_dev == made_.st_dev && now.st_ino == made_.st_ino &&  // a number may be used again
                         now.st_ctim.tv_sec == made_.st_ctim.tv_sec && now.st_ctim.tv_nsec == made_.st_ctim.tv_nsec;
    if (is_ours) ::unlink(path_.c_str());
  }
  SocketFile(const SocketFile&) = delete;
  SocketFile& operator=(const SocketFile&) = delete;

 private:
  struct stat look() const {
    struct stat status {};
    ::lstat(path_.c_str(), &status);
    return status;
  }
  std::string path_;
  struct stat made_;
};

struct Listeners {
  std::vector<Fd> sockets;
  std::unique_ptr<SocketFile> file;  // of our own making
  bool port_taken = false;
};

Fd open_own_socket(const std::string& path) {
  if (const auto slash = path.rfind('/'); slash != std::string::npos && slash > 0) {
    make_folders(path.substr(0, slash), 0700);
    require_private(path.substr(0, slash), 0755, "the folder of the socket");
  }
  return http::open_unix_listener(path);
}

/// A taken port is no reason not to serve the Unix socket, which is what ymgr uses.
void add_tcp(const TcpPlace& place, Listeners& listeners) {
  try {
    listeners.sockets.push_back(http::open_listener(place.address, place.port));
  } catch (const Error& error) {
    if (error.code() != Code::address_in_use) throw;
    listeners.port_taken = true;
    log::warning(std::string(error.what()) + ": the published endpoints are not served");
  }
}

Listeners open_listeners(const Options& options) {
  Listeners listeners{systemd::handed_sockets(), nullptr, false};
  if (!listeners.sockets.empty()) return listeners;
  listeners.sockets.push_back(open_own_socket(options.socket));
  listeners.file = std::make_unique<SocketFile>(options.socket);
  if (options.tcp) add_tcp(*options.tcp, listeners);
  return listeners;
}

/// What a client may call us over TCP.
std::vector<std::string> own_hosts(const std::vector<Fd>& sockets) {
  std::vector<std::string> hosts;
  for (const Fd& socket : sockets) {
    if (http::transport_of(socket.get()) != http::Transport::tcp) continue;
    const std::string port = ":" + std::to_string(http::port_of(socket));
    log::info("serving 127.0.0.1" + port);
    hosts.push_back("127.0.0.1" + port);
    hosts.push_back("localhost" + port);
  }
  return hosts;
}

std::string tcp_state(const Listeners& listeners) {
  for (const Fd& socket : listeners.sockets)
    if (http::transport_of(socket.get()) == http::Transport::tcp)
      return "127.0.0.1:" + std::to_string(http::port_of(socket));
  return listeners.port_taken ? "taken" : "off";
}

http::ServerSettings server_settings() {
  http::ServerSettings settings;
  settings.timeout_seconds = request_seconds;
  settings.max_head = 8UL * 1024 + 1024;  // tokens have 8 KiB
  settings.max_headers = 32;
  settings.plain_head_only = true;
  settings.identify_peers = true;
  settings.refusal = refusal;
  return settings;
}

class Bell {
 public:
  Bell() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!fd_) throw system_error("make", "an eventfd", errno);
  }
  int fd() const noexcept { return fd_.get(); }
  void ring() const noexcept {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(fd_.get(), &one, sizeof one);
  }
  void clear() const noexcept {
    std::uint64_t rings = 0;
    [[maybe_unused]] const ssize_t read = ::read(fd_.get(), &rings, sizeof rings);
  }

 private:
  Fd fd_;
};

int shorter(std::optional<std::chrono::milliseconds> a, std::optional<std::chrono::milliseconds> b) {
  if (a && b) a = std::min(*a, *b);
  if (!a) a = b;
  return a ? static_cast<int>(a->count()) + 1 : -1;
}

/// Sleeps until a signal, but for the watchdog and the end of a session.
void wait_for_end(Sessions& sessions, http::Server& server, const Bell& changed) {
  const sigset_t ending = ending_signals();
  const Fd signals(::signalfd(-1, &ending, SFD_CLOEXEC));
  if (!signals) throw system_error("make", "a signalfd", errno);
  const auto watchdog = systemd::watchdog_interval();
  pollfd watched[] = {{signals.get(), POLLIN, 0}, {changed.fd(), POLLIN, 0}};
  while (watched[0].revents == 0) {
    ::poll(watched, 2, shorter(watchdog, sessions.next_expiry()));
    changed.clear();
    if (watchdog && server.alive()) systemd::notify("WATCHDOG=1");
    if (const std::size_t ended = sessions.sweep()) log::info(std::to_string(ended) + " sessions expired");
  }
}

/// What was begun on a card is finished and answered; what was not is answered too.
void end_cards(Agent& agent, std::unique_ptr<http::Server> server) {
  if (agent.cards().stop(end_limit)) return;
  log::warning("an operation on a card did not end in time: it is left alone");
  server.reset();  // sends the answers
  std::_Exit(0);   // its thread can't be waited for
}

}  // namespace

void block_signals() {
  const sigset_t ending = ending_signals();
  ::pthread_sigmask(SIG_BLOCK, &ending, nullptr);
}

void serve(const Options& options) {
  Listeners listeners = open_listeners(options);
  const Bell changed;
  AgentSettings settings{own_hosts(listeners.sockets), options.origins, options.token_keys, tcp_state(listeners)};
  Agent agent(std::move(settings), [&] { changed.ring(); });
  auto server = std::make_unique<http::Server>(
      server_settings(), std::move(listeners.sockets),
      [&](const http::Request& request, http::Answer answer) { agent.handle(request, std::move(answer)); });
  log::info("ready");
  systemd::notify("READY=1");
  wait_for_end(agent.sessions(), *server, changed);
  systemd::notify("STOPPING=1");
  log::info("stopping");
  server->stop_listening();
  listeners.file.reset();
  // Another agent may be started from here on, and finds nothing of this one in its way.
  end_cards(agent, std::move(server));
}

}  // namespace ymgr::agentd
