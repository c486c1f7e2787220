#include "http/server.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <list>
#include <thread>

#include "base/error.hpp"
#include "base/text.hpp"
#include "http/exchange.hpp"
#include "http/listen.hpp"

namespace ymgr::http {
namespace {

using Clock = std::chrono::steady_clock;

struct Connection {
  int socket;
  Clock::time_point deadline;
  Transport transport;
  std::string target = {};                        // of the request that arrives
  std::optional<std::optional<uid_t>> peer = {};  // once a request has asked for it
};

std::size_t keep_escapes(void*, MHD_Connection*, char* text) {
  return std::strlen(text);
}
void swallow_log(void*, const char*, va_list) {}

Connection* context_of(MHD_Connection* connection) {
  const auto* known = microhttpd().get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
  return known == nullptr ? nullptr : static_cast<Connection*>(known->socket_context);
}

/// Asked when a request comes and not before: the kernel's table of TCP sockets takes milliseconds to read, and a flood of
/// connections that ask nothing would keep the thread from everybody else.
std::optional<uid_t> identified(Connection& connection) {
  if (!connection.peer) connection.peer = peer_of(connection.socket);
  return *connection.peer;
}

int status_of(const Error& error) {
  return error.retryable() ? 503 : 500;
}

std::vector<Fd> one_listener(const ServerSettings& settings) {
  std::vector<Fd> listeners;
  listeners.push_back(open_listener(settings.address, settings.port));
  return listeners;
}

}  // namespace

struct Server::State {
  State(const ServerSettings& chosen, std::vector<Fd> listeners, LateHandler answer)
      : settings(chosen), handler(std::move(answer)), desk(std::make_shared<Desk>()) {
    desk->wake = Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!desk->wake || listeners.empty()) throw Error(Code::system_error, "the HTTP server does not start");
    port = port_of(listeners.front());
    try {
      for (const Fd& listener : listeners) add(listener);
      start();
    } catch (...) {
      end();
      throw;
    }
  }
  ~State() {
    stopping = true;
    desk->ring();
    thread.join();
    end();
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void add(const Fd& listener);
  void start();
  void end();
  void loop();
  void run_daemons();
  void take_answers();
  void stop_listening();
  int next_wait() const;
  void cut_late_connections();
  void cut_foreign_connections();
  bool has_unknown_crowd() const;
  MHD_Result receive(MHD_Connection*, const std::shared_ptr<Exchange>&, const char* data, std::size_t* size);
  MHD_Result begin(MHD_Connection*, const char* method, const char* version, void** slot);
  MHD_Result respond(MHD_Connection*, const std::shared_ptr<Exchange>&);
  void call_handler(const std::shared_ptr<Exchange>&) const;
  Clock::time_point next_deadline() const { return Clock::now() + std::chrono::seconds(settings.timeout_seconds); }

  static MHD_Result on_request(void* self, MHD_Connection*, const char* url, const char* method, const char* version,
                               const char* data, std::size_t* size, void** slot);
  static void* on_target(void* self, const char* target, MHD_Connection*);
  static void on_connection(void* self, MHD_Connection*, void** slot, MHD_ConnectionNotificationCode);
  static void on_completed(void* self, MHD_Connection*, void** slot, MHD_RequestTerminationCode);

  ServerSettings settings;
  LateHandler handler;
  std::shared_ptr<Desk> desk;
  std::uint16_t port = 0;
  std::atomic<bool> stopping = false, deaf = false, listening = true;
  std::atomic<std::uint64_t> rounds = 0;
  std::optional<std::uint64_t> seen_round;  // by alive()
  // Of the server's thread, once it runs:
  std::vector<MHD_Daemon*> daemons;  // one a listening socket
  std::list<Connection> connections;
  std::size_t suspended = 0;
  Clock::time_point next_look{};  // at who holds the connections
  std::thread thread;
};

void Server::State::add(const Fd& listener) {
  // An own loop around epoll instead of libmicrohttpd's thread: its timeout restarts with every byte, so a client that
  // drips its headers would hold a connection for ever.
  MHD_Daemon* daemon = microhttpd().start_daemon(
      MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, nullptr, nullptr, &on_request, this, MHD_OPTION_EXTERNAL_LOGGER,
      &swallow_log, nullptr, MHD_OPTION_LISTEN_SOCKET, ::fcntl(listener.get(), F_DUPFD_CLOEXEC, 3),
      MHD_OPTION_CONNECTION_LIMIT, settings.max_connections, MHD_OPTION_CONNECTION_MEMORY_LIMIT, std::size_t{32 * 1024},
      MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_UNESCAPE_CALLBACK, &keep_escapes, nullptr,
      MHD_OPTION_URI_LOG_CALLBACK, &on_target, this, MHD_OPTION_NOTIFY_CONNECTION, &on_connection, this,
      MHD_OPTION_NOTIFY_COMPLETED, &on_completed, this, MHD_OPTION_END);
  if (daemon == nullptr) throw Error(Code::system_error, "the HTTP server does not start");
  daemons.push_back(daemon);
}

void Server::State::start() {
  // Signals are for the command's own thread.
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  thread = std::thread([this] { loop(); });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Server::State::end() {
  for (MHD_Daemon* daemon : daemons) microhttpd().stop_daemon(daemon);
}

void Server::State::loop() {
  std::vector<pollfd> watched = {{desk->wake.get(), POLLIN, 0}};
  for (MHD_Daemon* daemon : daemons) {
    watched.push_back({microhttpd().get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd, POLLIN, 0});
  }
  while (!stopping || suspended > 0) {
    ::poll(watched.data(), watched.size(), next_wait());
    ++rounds;
    if ((stopping || deaf) && listening) stop_listening();
    take_answers();
    cut_late_connections();
    run_daemons();
    if (settings.identify_peers) cut_foreign_connections();
  }
}

void Server::State::run_daemons() {
  for (MHD_Daemon* daemon : daemons) {
    // Listening was put off at the limit, and only the run after a connection's end takes it up again.
    std::size_t before = 0;
    do {
      before = connections.size();
      microhttpd().run(daemon);
    } while (connections.size() < before);
  }
}

/// Connections whose answer has come from another thread go on.
void Server::State::take_answers() {
  std::uint64_t rings = 0;
  [[maybe_unused]] const ssize_t read = ::read(desk->wake.get(), &rings, sizeof rings);
  std::vector<MHD_Connection*> answered;
  {
    const std::lock_guard lock(desk->mutex);
    answered.swap(desk->answered);
  }
  for (MHD_Connection* connection : answered) {
    --suspended;
    if (Connection* context = context_of(connection)) context->deadline = next_deadline();
    microhttpd().resume_connection(connection);
  }
}

void Server::State::stop_listening() {
  for (MHD_Daemon* daemon : daemons) {
    if (const int socket = microhttpd().quiesce_daemon(daemon); socket >= 0) ::close(socket);
  }
  listening = false;
  listening.notify_all();
}

/// Milliseconds until libmicrohttpd or a deadline wants the thread; -1: until something arrives.
int Server::State::next_wait() const {
  std::int64_t wait = -1;
  const auto at_most = [&](std::int64_t rest) { wait = wait < 0 ? rest : std::min(wait, rest); };
  for (MHD_Daemon* daemon : daemons) {
    MHD_UNSIGNED_LONG_LONG asked = 0;
    if (microhttpd().get_timeout(daemon, &asked) == MHD_YES) {
      at_most(static_cast<std::int64_t>(std::min(asked, 60'000ULL)));
    }
  }
  const auto rest_until = [](Clock::time_point at) {
    return std::max<std::int64_t>(std::chrono::ceil<std::chrono::milliseconds>(at - Clock::now()).count(), 0);
  };
  if (settings.identify_peers && has_unknown_crowd()) at_most(rest_until(next_look));
  for (const Connection& connection : connections) {
    if (connection.deadline == Clock::time_point::max()) continue;
    at_most(rest_until(connection.deadline));
  }
  return static_cast<int>(wait);
}

void Server::State::cut_late_connections() {
  const auto at = Clock::now();
  for (Connection& connection : connections) {
    if (connection.deadline > at) continue;
    ::shutdown(connection.socket, SHUT_RDWR);
    connection.deadline = Clock::time_point::max();
  }
}

/// As many as one socket takes, and of some nobody has asked whose they are.
bool Server::State::has_unknown_crowd() const {
  const auto over_tcp = [](const Connection& c) { return c.transport == Transport::tcp; };
  if (std::ranges::count_if(connections, over_tcp) < static_cast<std::ptrdiff_t>(settings.max_connections))
    return false;
  return std::ranges::any_of(connections, [&](const Connection& c) { return over_tcp(c) && !c.peer; });
}

/// Other users may connect to a TCP port, and would take all connections by asking nothing.
void Server::State::cut_foreign_connections() {
  if (!has_unknown_crowd() || Clock::now() < next_look) return;
  SocketTables tables;
  for (Connection& connection : connections) {
    if (connection.transport != Transport::tcp || connection.peer) continue;
    const auto uid = peer_of(connection.socket, tables);
    if (!uid) continue;
    connection.peer = uid;
    if (*uid == 0 || *uid == ::geteuid()) continue;
    ::shutdown(connection.socket, SHUT_RDWR);
    connection.deadline = Clock::time_point::max();
  }
  next_look = Clock::now() + std::chrono::milliseconds(100);
}

void Server::State::on_connection(void* self, MHD_Connection* connection, void** slot,
                                  MHD_ConnectionNotificationCode code) {
  auto& state = *static_cast<State*>(self);
  if (code == MHD_CONNECTION_NOTIFY_STARTED) {
    const int socket = microhttpd().get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    *slot = &state.connections.emplace_back(Connection{socket, state.next_deadline(), transport_of(socket)});
  } else {
    state.connections.remove_if([&](const Connection& c) { return &c == *slot; });
  }
}

void Server::State::on_completed(void* self, MHD_Connection* connection, void** slot, MHD_RequestTerminationCode) {
  delete static_cast<std::shared_ptr<Exchange>*>(*slot);
  *slot = nullptr;
  if (Connection* context = context_of(connection)) context->deadline = static_cast<State*>(self)->next_deadline();
}

/// libmicrohttpd takes the query apart; here it is still whole. What is returned becomes the slot of on_request.
void* Server::State::on_target(void*, const char* target, MHD_Connection* connection) {
  if (Connection* context = context_of(connection)) context->target = target;
  return nullptr;
}

MHD_Result Server::State::on_request(void* self, MHD_Connection* connection, const char*, const char* method,
                                     const char* version, const char* data, std::size_t* size, void** slot) {
  auto& state = *static_cast<State*>(self);
  if (*slot == nullptr) return state.begin(connection, method, version, slot);
  return state.receive(connection, *static_cast<std::shared_ptr<Exchange>*>(*slot), data, size);
}

MHD_Result Server::State::begin(MHD_Connection* connection, const char* method, const char* version, void** slot) {
  const auto exchange = std::make_shared<Exchange>();
  *slot = new std::shared_ptr<Exchange>(exchange);
  Request& request = exchange->request;
  Connection* context = context_of(connection);
  if (context == nullptr) return MHD_NO;
  request.transport = context->transport;
  if (settings.identify_peers) request.peer = identified(*context);
  if (const auto fault = read_head(connection, method, context->target, version, settings, request)) {
    return queue(connection, refuse(settings, fault->status, fault->why, After::close));
  }
  const std::string* text = request.header("content-length");
  const auto length = text == nullptr ? std::nullopt : parse_number(*text);
  exchange->too_large = length && static_cast<std::uint64_t>(*length) > settings.max_body;
  // Who asks first is told at once; others are read to their end, so that they see the answer and not a reset.
  if (exchange->too_large && request.header("expect") != nullptr) return respond(connection, exchange);
  return MHD_YES;
}

MHD_Result Server::State::receive(MHD_Connection* connection, const std::shared_ptr<Exchange>& exchange,
                                  const char* data, std::size_t* size) {
  if (*size == 0) return respond(connection, exchange);
  std::string& body = exchange->request.body;
  exchange->too_large = exchange->too_large || *size > settings.max_body - body.size();
  if (!exchange->too_large) body.append(data, *size);
  *size = 0;
  return MHD_YES;
}

/// Called again when an answer that was late has come.
MHD_Result Server::State::respond(MHD_Connection* connection, const std::shared_ptr<Exchange>& exchange) {
  if (exchange->too_large) return queue(connection, refuse(settings, 413, "the body is too large", After::keep));
  if (exchange->suspended == nullptr) call_handler(exchange);
  const std::lock_guard lock(desk->mutex);
  if (exchange->answer) return queue(connection, *exchange->answer);
  exchange->suspended = connection;
  ++suspended;
  if (Connection* context = context_of(connection)) context->deadline = Clock::time_point::max();
  microhttpd().suspend_connection(connection);
  return MHD_YES;
}

void Server::State::call_handler(const std::shared_ptr<Exchange>& exchange) const {
  const auto promise = std::make_shared<Promise>(exchange, desk, refuse(settings, 500, "internal error", After::keep));
  try {
    handler(exchange->request, [promise](Response response) { promise->keep(std::move(response)); });
  } catch (const Error& error) {
    const char* why = error.retryable() ? "try again later" : "internal error";
    promise->keep(refuse(settings, status_of(error), why, After::keep));
  } catch (const std::exception&) {
    promise->keep(refuse(settings, 500, "internal error", After::keep));
  }
}

Server::Server(const ServerSettings& settings, Handler handler)
    : state_(std::make_unique<State>(
          settings, one_listener(settings),
          [handler = std::move(handler)](const Request& request, const Answer& answer) { answer(handler(request)); })) {
}
Server::Server(const ServerSettings& settings, std::vector<Fd> listeners, LateHandler handler)
    : state_(std::make_unique<State>(settings, std::move(listeners), std::move(handler))) {}
Server::~Server() = default;
std::uint16_t Server::port() const noexcept {
  return state_->port;
}
bool Server::alive() noexcept {
  const std::uint64_t round = state_->rounds;
  const bool came_round = std::exchange(state_->seen_round, round) != round;
  state_->desk->ring();
  return came_round;
}
void Server::stop_listening() noexcept {
  state_->deaf = true;
  state_->desk->ring();
  state_->listening.wait(true);
}

}  // namespace ymgr::http
