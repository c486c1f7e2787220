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
  std::string method, path, body;                            // path without query
  std::vector<std::pair<std::string, std::string>> headers;  // names lower case
};
struct Response {
  int status = 200;
  std::string content_type, body;
  std::vector<std::pair<std::string, std::string>> headers;
};
/// Called from the server's own thread, one request at a time.
using Handler = std::function<Response(const Request&)>;

struct ServerSettings {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;                 // 0: any
  std::size_t max_body = 64 * 1024;       // above: 413
  unsigned max_connections = 64;
  unsigned timeout_seconds = 30;
};

/// Listens from construction until destruction. @throws Error address-in-use, system-error
class Server {
 public:
  Server(const ServerSettings&, Handler);
  ~Server();
  std::uint16_t port() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// "127.0.0.1:8889", "[::1]:80", ":8889" (loopback). @throws Error usage
std::pair<std::string, std::uint16_t> parse_listen(std::string_view text);

}  // namespace ymgr::http
