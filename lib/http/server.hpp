// One small HTTP/1.1 server over libmicrohttpd.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/files.hpp"

namespace ymgr::http {

enum class Transport { tcp, unix_socket };

struct Request {
  std::string method, path, body;                            // path without query, not percent-decoded
  std::string query;                                         // what follows the first '?', as it was sent
  std::vector<std::pair<std::string, std::string>> headers;  // names lower case, in order
  Transport transport = Transport::tcp;
  std::optional<uid_t> peer;  // who sent it, with ServerSettings::identify_peers; nullopt: nobody can tell

  /// Of the first header of that (lower-case) name; nullptr: none.
  const std::string* header(std::string_view name) const noexcept;
};
struct Response {
  int status = 200;
  std::string content_type, body;
  std::vector<std::pair<std::string, std::string>> headers;
};
/// Called from the server's own thread, one request at a time. What it throws becomes a 500 (503: retryable) without the
/// message.
using Handler = std::function<Response(const Request&)>;
/// Gives the answer to one request, from any thread; later calls change nothing.
using Answer = std::function<void(Response)>;
/// Called like a Handler, and must not block: it may keep `answer` for later, while other requests are served. The
/// request lives until it is answered.
using LateHandler = std::function<void(const Request&, Answer answer)>;

struct ServerSettings {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;            // 0: any
  std::size_t max_body = 64 * 1024;  // above: 413
  unsigned max_connections = 64;     // of one listening socket; more wait in the kernel's queue
  unsigned timeout_seconds = 30;     // from the connection, or the last answer, to the end of the next request
  std::size_t max_head = 32 * 1024;  // request line and headers, above: 431
  std::size_t max_headers = 1024;    // above: 431
  bool plain_head_only = false;      // refuse heads with NUL, lone LF, folded lines or odd blanks
  bool identify_peers = false;       // fill Request::peer
  Response (*refusal)(int status, const char* why) = nullptr;  // the server's own refusals; nullptr: as plain text
};

/// Listens from construction until destruction, on one thread that sleeps while nothing happens; the destructor takes no
/// new connection and waits until every request that has reached the handler is answered. A request of another
/// version than 1.0 and 1.1, with an absolute URI, with both Content-Length and Transfer-Encoding, or with two Host or
/// Content-Length headers is refused before the handler sees it; headers above 32 KiB are refused by libmicrohttpd.
/// @throws Error address-in-use, usage: no such address here, system-error
class Server {
 public:
  Server(const ServerSettings&, Handler);
  /// Serves these listening sockets, TCP or Unix, each with its own limit of connections. At least one.
  Server(const ServerSettings&, std::vector<Fd> listeners, LateHandler);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  std::uint16_t port() const noexcept;  // of the first listener
  /// For a watchdog: whether the server's thread has come round since the last call asked it to, and asks anew.
  bool alive() noexcept;
  /// Takes no new connection from now on: its places are free for another server. What is connected is still served.
  void stop_listening() noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// "127.0.0.1:8889", "[::1]:80", ":8889" and "localhost:8889" (loopback). @throws Error usage
std::pair<std::string, std::uint16_t> parse_listen(std::string_view text);

}  // namespace ymgr::http
