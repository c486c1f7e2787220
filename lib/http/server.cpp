#include "http/server.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <list>
#include <thread>

#include "base/error.hpp"
#include "base/text.hpp"
#include "http/listen.hpp"
#include "http/microhttpd.hpp"

namespace ymgr::http {
namespace {

using Clock = std::chrono::steady_clock;

struct Connection {
  int socket;
  Clock::time_point deadline;
};

/// One request while it arrives.
struct Exchange {
  Request request;
  bool too_large = false;
};

Response text_response(int status, const char* text) {
  return {status, "text/plain", std::string(text) + "\n", {}};
}

/// What follows on a connection after such a request can't be trusted.
Response refusal(int status, const char* text) {
  Response response = text_response(status, text);
  response.headers.emplace_back("Connection", "close");
  return response;
}

std::size_t count(const Request& request, std::string_view name) {
  return static_cast<std::size_t>(
      std::count_if(request.headers.begin(), request.headers.end(), [&](const auto& h) { return h.first == name; }));
}

std::string_view header(const Request& request, std::string_view name) {
  for (const auto& [key, value] : request.headers) {
    if (key == name) return value;
  }
  return {};
}

/// What is wrong with the head of a request; nullptr: nothing.
const char* head_fault(const Request& request) {
  if (request.path.empty() || request.path.front() != '/') return "the target must be a path";
  if (count(request, "host") > 1) return "two Host headers";
  if (count(request, "content-length") > 1) return "two Content-Length headers";
  if (count(request, "transfer-encoding") > 0 && count(request, "content-length") > 0) {
    return "both Content-Length and Transfer-Encoding";
  }
  return nullptr;
}

MHD_Result collect_header(void* target, MHD_ValueKind, const char* name, const char* value) {
  static_cast<Request*>(target)->headers.emplace_back(lower(name), value == nullptr ? "" : value);
  return MHD_YES;
}

MHD_Result queue(MHD_Connection* connection, const Response& response) {
  MHD_Response* out = microhttpd().create_response_from_buffer(
      response.body.size(), const_cast<char*>(response.body.data()), MHD_RESPMEM_MUST_COPY);
  if (out == nullptr) return MHD_NO;
  if (!response.content_type.empty())
    microhttpd().add_response_header(out, "Content-Type", response.content_type.c_str());
  for (const auto& [name, value] : response.headers) microhttpd().add_response_header(out, name.c_str(), value.c_str());
  const MHD_Result result = microhttpd().queue_response(connection, static_cast<unsigned>(response.status), out);
  microhttpd().destroy_response(out);
  return result;
}

std::size_t keep_escapes(void*, MHD_Connection*, char* text) {
  return std::strlen(text);
}
void swallow_log(void*, const char*, va_list) {}

}  // namespace

struct Server::State {
  State(const ServerSettings& chosen, Handler answer)
      : settings(chosen), handler(std::move(answer)), wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    const Fd listener = open_listener(settings.address, settings.port);
    port = port_of(listener);
    start(listener);
  }
  ~State() {
    if (thread.joinable()) {
      const std::uint64_t one = 1;
      while (::write(wake.get(), &one, sizeof one) < 0 && errno == EINTR) {
      }
      thread.join();
    }
    if (daemon != nullptr) microhttpd().stop_daemon(daemon);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void start(const Fd& listener);
  void loop();
  int next_wait() const;
  void cut_late_connections();
  MHD_Result receive(MHD_Connection*, Exchange&, const char* data, std::size_t* size);
  MHD_Result begin(MHD_Connection*, const char* url, const char* method, const char* version, void** slot);
  Response respond(const Exchange&) const;
  Clock::time_point next_deadline() const { return Clock::now() + std::chrono::seconds(settings.timeout_seconds); }

  static MHD_Result on_request(void* self, MHD_Connection*, const char* url, const char* method, const char* version,
                               const char* data, std::size_t* size, void** slot);
  static void on_connection(void* self, MHD_Connection*, void** slot, MHD_ConnectionNotificationCode);
  static void on_completed(void* self, MHD_Connection*, void** slot, MHD_RequestTerminationCode);

  ServerSettings settings;
  Handler handler;
  Fd wake;
  std::uint16_t port = 0;
  MHD_Daemon* daemon = nullptr;
  std::list<Connection> connections;  // of the server's thread
  std::thread thread;
};

void Server::State::start(const Fd& listener) {
  // An own loop around epoll instead of libmicrohttpd's thread: its timeout restarts with every byte, so a client that
  // drips its headers would hold a connection for ever.
  daemon = microhttpd().start_daemon(
      MHD_USE_EPOLL, 0, nullptr, nullptr, &on_request, this, MHD_OPTION_EXTERNAL_LOGGER, &swallow_log, nullptr,
      MHD_OPTION_LISTEN_SOCKET, ::fcntl(listener.get(), F_DUPFD_CLOEXEC, 3), MHD_OPTION_CONNECTION_LIMIT,
      settings.max_connections, MHD_OPTION_CONNECTION_MEMORY_LIMIT, std::size_t{32 * 1024},
      MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_UNESCAPE_CALLBACK, &keep_escapes, nullptr,
      MHD_OPTION_NOTIFY_CONNECTION, &on_connection, this, MHD_OPTION_NOTIFY_COMPLETED, &on_completed, this,
      MHD_OPTION_END);
  if (daemon == nullptr || !wake) throw Error(Code::system_error, "the HTTP server does not start");
  // Signals are for the command's own thread.
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  thread = std::thread([this] { loop(); });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Server::State::loop() {
  const int epoll = microhttpd().get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
  pollfd watched[] = {{epoll, POLLIN, 0}, {wake.get(), POLLIN, 0}};
  while (watched[1].revents == 0) {
    ::poll(watched, 2, next_wait());
    cut_late_connections();
    // Listening was put off at the limit, and only the run after a connection's end takes it up again.
    std::size_t before = 0;
    do {
      before = connections.size();
      microhttpd().run(daemon);
    } while (connections.size() < before);
  }
}

/// Milliseconds until libmicrohttpd or a deadline wants the thread; -1: until something arrives.
int Server::State::next_wait() const {
  MHD_UNSIGNED_LONG_LONG asked = 0;
  std::int64_t wait = -1;
  if (microhttpd().get_timeout(daemon, &asked) == MHD_YES) wait = static_cast<std::int64_t>(std::min(asked, 60'000ULL));
  for (const Connection& connection : connections) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(connection.deadline - Clock::now()).count();
    const std::int64_t rest = std::max<std::int64_t>(left, 0);
    wait = wait < 0 ? rest : std::min(wait, rest);
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

void Server::State::on_connection(void* self, MHD_Connection* connection, void** slot,
                                  MHD_ConnectionNotificationCode code) {
  auto& state = *static_cast<State*>(self);
  if (code == MHD_CONNECTION_NOTIFY_STARTED) {
    const int socket = microhttpd().get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    *slot = &state.connections.emplace_back(Connection{socket, state.next_deadline()});
  } else {
    state.connections.remove_if([&](const Connection& c) { return &c == *slot; });
  }
}

void Server::State::on_completed(void* self, MHD_Connection* connection, void** slot, MHD_RequestTerminationCode) {
  delete static_cast<Exchange*>(*slot);
  *slot = nullptr;
  const auto* known = microhttpd().get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
  if (known != nullptr && known->socket_context != nullptr) {
    static_cast<Connection*>(known->socket_context)->deadline = static_cast<State*>(self)->next_deadline();
  }
}

MHD_Result Server::State::on_request(void* self, MHD_Connection* connection, const char* url, const char* method,
                                     const char* version, const char* data, std::size_t* size, void** slot) {
  auto& state = *static_cast<State*>(self);
  if (*slot == nullptr) return state.begin(connection, url, method, version, slot);
  return state.receive(connection, *static_cast<Exchange*>(*slot), data, size);
}

MHD_Result Server::State::begin(MHD_Connection* connection, const char* url, const char* method, const char* version,
                                void** slot) {
  auto* exchange = new Exchange;
  *slot = exchange;
  Request& request = exchange->request;
  request.method = method;
  request.path = url;
  microhttpd().get_connection_values(connection, MHD_HEADER_KIND, &collect_header, &request);
  const std::string_view spoken = version;
  if (spoken != "HTTP/1.1" && spoken != "HTTP/1.0") return queue(connection, refusal(505, "HTTP/1.1 only"));
  if (const char* fault = head_fault(request)) return queue(connection, refusal(400, fault));
  const auto length = parse_number(header(request, "content-length"));
  exchange->too_large = length && static_cast<std::uint64_t>(*length) > settings.max_body;
  // Who asks first is told at once; others are read to their end, so that they see the answer and not a reset.
  if (exchange->too_large && count(request, "expect") > 0) return queue(connection, respond(*exchange));
  return MHD_YES;
}

MHD_Result Server::State::receive(MHD_Connection* connection, Exchange& exchange, const char* data, std::size_t* size) {
  if (*size == 0) return queue(connection, respond(exchange));
  std::string& body = exchange.request.body;
  exchange.too_large = exchange.too_large || *size > settings.max_body - body.size();
  if (!exchange.too_large) body.append(data, *size);
  *size = 0;
  return MHD_YES;
}

Response Server::State::respond(const Exchange& exchange) const {
  if (exchange.too_large) return text_response(413, "the body is too large");
  try {
    return handler(exchange.request);
  } catch (const Error& error) {
    return error.retryable() ? text_response(503, "try again later") : text_response(500, "internal error");
  } catch (const std::exception&) {
    return text_response(500, "internal error");
  }
}

Server::Server(const ServerSettings& settings, Handler handler)
    : state_(std::make_unique<State>(settings, std::move(handler))) {}
Server::~Server() = default;
std::uint16_t Server::port() const noexcept {
  return state_->port;
}

}  // namespace ymgr::http
