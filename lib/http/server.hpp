// One small HTTP/1.1 server over libmicrohttpd.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ymgr::http {

struct Request {
  std::string method, path, body;                            // path without query, not percent-decoded
  std::vector<std::pair<std::string, std::string>> headers;  // names lower case, in order
};
struct Response {
  int status = 200;
  std::string content_type, body;
  std::vector<std::pair<std::string, std::string>> headers;
};
/// Called from the server's own thread, one request at a time. What it throws becomes a 500 (503: retryable) without the
/// message.
using Handler = std::function<Response(const Request&)>;

struct ServerSettings {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;            // 0: any
  std::size_t max_body = 64 * 1024;  // above: 413
  unsigned max_connections = 64;     // more wait in the kernel's queue
  unsigned timeout_seconds = 30;     // from the connection, or the last answer, to the end of the next answer
};

/// Listens from construction until destruction, on one thread that sleeps while nothing happens. A request of another
/// version than 1.0 and 1.1, with an absolute URI, with both Content-Length and Transfer-Encoding, or with two Host or
/// Content-Length headers is refused before the handler sees it; headers above 32 KiB are refused by libmicrohttpd.
/// @throws Error address-in-use, usage: no such address here, system-error
class Server {
 public:
  Server(const ServerSettings&, Handler);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  std::uint16_t port() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// "127.0.0.1:8889", "[::1]:80", ":8889" and "localhost:8889" (loopback). @throws Error usage
std::pair<std::string, std::uint16_t> parse_listen(std::string_view text);

}  // namespace ymgr::http
