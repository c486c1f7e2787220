#include "http/server.hpp"

#include <doctest/doctest.h>
#include <time.h>

#include <atomic>
#include <list>

#include "support/tcp_client.hpp"
#include "support/thrown.hpp"

namespace {
using namespace ymgr;
using test::TcpClient;

http::Response echo(const http::Request& request) {
  std::string body = request.method + " " + request.path + " [" + request.body + "]";
  for (const auto& [name, value] : request.headers) body += " " + name + "=" + value;
  return {request.method == "DELETE" ? 405 : 200, "text/plain", body, {{"X-Answer", "yes"}}};
}

/// Sends one request and returns all that comes back.
std::string ask(const http::Server& server, std::string_view bytes) {
  TcpClient client(server.port());
  client.send(bytes);
  return client.read_all();
}

std::string status_of(const std::string& answer) {
  return answer.substr(0, answer.find("\r\n"));
}
bool holds(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("a request reaches the handler as it was sent, and the answer comes back") {
  struct Case {
    const char *request, *answer;
  };
  const Case cases[] = {
      {"GET /ca.pem HTTP/1.0\r\n\r\n", "GET /ca.pem []"},
      {"GET /ocsp/MEo%2B%2f%3d?x=%20 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "GET /ocsp/MEo%2B%2f%3d []"},
      {"POST /ocsp HTTP/1.1\r\nHOST: a\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc",
       "POST /ocsp [abc] host=a"},
      {"POST /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: "
       "chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
       "POST /x [abc]"},
      {"POST / HTTP/1.0\r\nContent-Length: 0\r\n\r\n", "POST / []"},
  };
  const http::Server server({}, echo);
  for (const auto& row : cases) {
    CAPTURE(row.request);
    const std::string answer = ask(server, row.request);
    CHECK(status_of(answer) == (holds(answer, "HTTP/1.0") ? "HTTP/1.0 200 OK" : "HTTP/1.1 200 OK"));
    CHECK(holds(answer, row.answer));
    CHECK(holds(answer, "X-Answer: yes"));
    CHECK(holds(answer, "Content-Type: text/plain"));
  }
}

TEST_CASE("several requests share a connection") {
  const http::Server server({}, echo);
  TcpClient client(server.port());
  for (const char* path : {"/1", "/2", "/3"}) {
    client.send(std::string("GET ") + path + " HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(holds(client.read_until("host=a"), std::string("GET ") + path + " []"));
  }
}

TEST_CASE("HEAD has no body, and the handler's status is kept") {
  const http::Server server({}, echo);
  const std::string head = ask(server, "HEAD /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  CHECK(status_of(head) == "HTTP/1.1 200 OK");
  CHECK_FALSE(holds(head, "HEAD /x"));
  CHECK(holds(ask(server, "DELETE /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"), " 405 "));
}

TEST_CASE("requests that two readers could understand in two ways are refused") {
  struct Case {
    const char *request, *status;
  };
  const Case cases[] = {
      {"GET http://a/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", " 400 "},
      {"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", " 400 "},
      {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n", " 400 "},
      {"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", " 400 "},
      {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", " 505 "},
      {"GET / HTTP/9.9\r\nHost: a\r\n\r\n", " 505 "},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
       " 400 "},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", " 400 "},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\na", " 400 "},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\na", " 400 "},
  };
  std::atomic<int> handled = 0;
  const http::Server server({.timeout_seconds = 1}, [&](const http::Request& request) {
    ++handled;
    return echo(request);
  });
  for (const auto& row : cases) {
    CAPTURE(row.request);
    CHECK(holds(status_of(ask(server, row.request)), row.status));
  }
  for (const char* nonsense : {"\r\n\r\n\r\n", "GET\r\n\r\n", "\x16\x03\x01\x02garbage\r\n\r\n", "GET /\r\n\r\n"}) {
    CAPTURE(nonsense);
    TcpClient client(server.port());
    client.send(nonsense);
    client.end_sending();
    CHECK_FALSE(holds(client.read_all(), " 200 "));
  }
  CHECK(handled == 0);
}

TEST_CASE("a body above the limit is 413, at the limit it passes") {
  const http::Server server({.max_body = 1000}, echo);
  const auto post = [&](std::size_t size) {
    return status_of(ask(server, "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: " +
                                     std::to_string(size) + "\r\n\r\n" + std::string(size, 'x')));
  };
  CHECK(holds(post(1000), " 200 "));
  CHECK(holds(post(1001), " 413 "));
  CHECK(holds(post(300'000), " 413 "));
  std::string chunked = "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 20; ++i) chunked += "64\r\n" + std::string(100, 'x') + "\r\n";
  CHECK(holds(status_of(ask(server, chunked + "0\r\n\r\n")), " 413 "));
  TcpClient polite(server.port());
  polite.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 99999999\r\n\r\n");
  CHECK(holds(polite.read_until("\r\n\r\n"), " 413 "));
}

TEST_CASE("headers above the limit are refused") {
  const http::Server server({}, echo);
  const std::string answer = ask(server, "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(40'000, 'x') + "\r\n\r\n");
  CHECK_FALSE(holds(answer, " 200 "));
}

TEST_CASE("clients that do not finish neither delay others nor stay") {
  const http::Server server({.timeout_seconds = 1}, echo);
  std::list<TcpClient> silent;
  for (int i = 0; i < 12; ++i) silent.emplace_back(server.port()).send("GET / HTTP/1.1\r\nHost:");
  silent.emplace_back(server.port());
  silent.emplace_back(server.port()).send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
  CHECK(holds(ask(server, "GET /good HTTP/1.0\r\n\r\n"), "GET /good []"));
  // One byte now and then does not keep a request open.
  TcpClient dripping(server.port());
  bool open = dripping.send("GET / HTTP/1.1\r\nX: ");
  for (int i = 0; open && i < 100; ++i) open = dripping.send("x") && !dripping.wait_readable(100);
  CHECK_FALSE(open);
  for (TcpClient& client : silent) CHECK_FALSE(holds(client.read_all(), " 200 "));
}

TEST_CASE("more clients than the limit wait for their turn") {
  const http::Server server({.max_connections = 2, .timeout_seconds = 1}, echo);
  TcpClient first(server.port()), second(server.port());
  first.send("GET / HTTP/1.1\r\n");
  second.send("GET / HTTP/1.1\r\n");
  CHECK(holds(ask(server, "GET /third HTTP/1.0\r\n\r\n"), "GET /third []"));
}

TEST_CASE("a client that leaves in the middle harms nobody") {
  const http::Server server({}, echo);
  for (int i = 0; i < 20; ++i)
    TcpClient(server.port()).send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
  CHECK(holds(ask(server, "GET /good HTTP/1.0\r\n\r\n"), "GET /good []"));
}

TEST_CASE("what a handler throws becomes a status without its message") {
  const http::Server server({}, [](const http::Request& request) -> http::Response {
    if (request.path == "/busy") throw Error(Code::database_busy, "locked: secret detail");
    if (request.path == "/error") throw Error(Code::internal, "secret detail");
    throw std::runtime_error("secret detail");
  });
  const std::string busy = ask(server, "GET /busy HTTP/1.0\r\n\r\n");
  CHECK(holds(busy, " 503 "));
  for (const char* path : {"/error", "/other"}) {
    const std::string answer = ask(server, std::string("GET ") + path + " HTTP/1.0\r\n\r\n");
    CHECK(holds(answer, " 500 "));
    CHECK_FALSE(holds(answer, "secret"));
  }
}

TEST_CASE("an idle server with open connections does not use the processor") {
  const http::Server server({}, echo);
  TcpClient first(server.port()), second(server.port());
  first.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  first.read_until("host=a");
  second.send("GET / HTTP/1.1\r\n");
  const auto used = [] {
    timespec spent{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
    return spent.tv_sec * 1'000'000 + spent.tv_nsec / 1000;
  };
  const auto before = used();
  CHECK_FALSE(second.wait_readable(500));
  CHECK(used() - before < 100'000);
}

TEST_CASE("a taken or foreign address is refused") {
  const http::Server server({}, echo);
  CHECK_CODE(http::Server({.port = server.port()}, echo), Code::address_in_use);
  CHECK_CODE(http::Server({.address = "192.0.2.1"}, echo), Code::usage);
  CHECK_CODE(http::Server({.address = "localhost"}, echo), Code::usage);
}

TEST_CASE("parse_listen reads addresses with ports and refuses everything else") {
  struct Case {
    const char *text, *address;
    int port;
  };
  const Case good[] = {{"127.0.0.1:8889", "127.0.0.1", 8889}, {"[::1]:80", "::1", 80},
                       {":8889", "127.0.0.1", 8889},          {"0.0.0.0:0", "0.0.0.0", 0},
                       {"[::]:65535", "::", 65535},           {"localhost:1", "127.0.0.1", 1}};
  for (const auto& row : good) {
    CAPTURE(row.text);
    const auto [address, port] = http::parse_listen(row.text);
    CHECK(address == row.address);
    CHECK(port == row.port);
  }
  for (const char* bad :
       {"", ":", "8889", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1: 1", "::1:80",
        "[127.0.0.1]:80", "[]:80", "[::1]", "host.example:80", "1.2.3:80", "127.0.0.1:1x"}) {
    CAPTURE(bad);
    CHECK_CODE(http::parse_listen(bad), Code::usage);
  }
}

}  // namespace
