#include "http/client.hpp"

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <list>
#include <mutex>

#include "base/files.hpp"
#include "base/workers.hpp"
#include "http/listen.hpp"
#include "http/server.hpp"
#include "support/thrown.hpp"

namespace {
using namespace ymgr;

template <class Call>
Error failure(Call&& call) {
  auto error = thrown(call);
  REQUIRE(error);
  return *error;
}

struct Place {
  TemporaryFolder folder{"ymgr-http"};
  std::string socket = folder.path() + "/s";

  http::ClientSettings settings(Duration timeout = std::chrono::seconds(20)) const {
    return {.base_url = "http://localhost",
            .unix_socket = socket,
            .peer_name = "the peer",
            .timeout = timeout,
            .max_body = 1000,
            .unreachable = Code::agent_unreachable,
            .untrusted = Code::agent_untrusted};
  }
  std::vector<Fd> listener() const {
    std::vector<Fd> listeners;
    listeners.push_back(http::open_unix_listener(socket));
    return listeners;
  }
};

http::Response echo(const http::Request& request) {
  std::string body = request.method + " " + request.path + " [" + request.body + "]";
  for (const auto& [name, value] : request.headers) body += " " + name + "=" + value;
  return {request.path == "/teapot" ? 418 : 200, "text/plain", body, {}};
}

http::LateHandler at_once(http::Response (*handle)(const http::Request&)) {
  return [handle](const http::Request& request, const http::Answer& answer) { answer(handle(request)); };
}

/// Accepts one connection and answers with these bytes when a request that ends so is there; then it closes.
class Liar {
 public:
  Liar(const Place& place, std::string answer, std::string end = "\r\n\r\n")
      : listener_(http::open_unix_listener(place.socket)), answer_(std::move(answer)), end_(std::move(end)) {
    worker_.run([this] {
      pollfd ready{.fd = listener_.get(), .events = POLLIN, .revents = 0};
      ::poll(&ready, 1, 10'000);
      const Fd peer(::accept(listener_.get(), nullptr, nullptr));
      std::array<char, 4096> sent{};
      std::string request;
      ssize_t more = 1;
      while (more > 0 && !request.ends_with(end_)) {
        more = ::read(peer.get(), sent.data(), sent.size());
        request.append(sent.data(), static_cast<std::size_t>(std::max<ssize_t>(more, 0)));
      }
      if (!request.empty()) {
        std::string_view rest = answer_;
        while (!rest.empty()) {
          const ssize_t done = ::send(peer.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
          if (done <= 0) break;
          rest.remove_prefix(static_cast<std::size_t>(done));
        }
      }
    });
  }

 private:
  Fd listener_;
  std::string answer_, end_;
  Worker worker_;  // ends first
};

TEST_CASE("a request arrives as it was asked for, and any status is an answer") {
  const Place place;
  const http::Server server({}, place.listener(), at_once(echo));
  http::Client client(place.settings());
  const auto got = client.send({.path = "/a?b=c"});
  CHECK(got.status == 200);
  CHECK(got.content_type == "text/plain");
  CHECK(got.body.starts_with("GET /a []"));
  CHECK(got.body.find("host=localhost") != std::string::npos);
  const Secret bearer("hush");
  http::ClientRequest post{.method = "POST", .path = "/teapot", .body = "x", .content_type = "application/json"};
  post.bearer = &bearer;
  const auto answer = client.send(post);
  CHECK(answer.status == 418);
  CHECK(answer.body.starts_with("POST /teapot [x]"));
  for (const char* header : {"authorization=Bearer hush", "content-type=application/json", "content-length=1"}) {
    CAPTURE(header);
    CHECK(answer.body.find(header) != std::string::npos);
  }
  CHECK(client.send({.method = "DELETE", .path = "/d"}).body.starts_with("DELETE /d []"));
}

TEST_CASE("a socket that is not there, or that nobody serves, is told at once and with a known outcome") {
  const Place place;
  http::Client client(place.settings());
  const http::ClientRequest change{.method = "POST", .path = "/", .body = "x", .effect = http::Effect::changes};
  const auto missing = failure([&] { client.send(change); });
  CHECK(missing.code() == Code::agent_unreachable);
  CHECK(std::string(missing.what()) == "the peer can't be reached: there is no socket " + place.socket);
  CHECK(!missing.outcome_unknown());
  http::open_unix_listener(place.socket);  // closed again
  const auto dead = failure([&] { client.send(change); });
  CHECK(std::string(dead.what()).find("nobody listens") != std::string::npos);
  CHECK(!dead.outcome_unknown());
  auto settings = place.settings();
  settings.unix_socket = "/" + std::string(200, 'x');
  const auto long_path = failure([&] { http::Client(settings).send(change); });
  CHECK(std::string(long_path.what()).find("107 bytes") != std::string::npos);
}

TEST_CASE("a request without an answer leaves a question only where it changes something") {
  const std::pair<const char*, std::string> lies[] = {
      {"gives no answer", ""},
      {"gives no answer", "220 mail.example.com ESMTP\r\n"},
      {"gives no answer", "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf"},
      {"too long", "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + std::string(100000, 'x')},
      {"too long", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\n" + std::string(0xFFF, 'x') + "\r\n"},
  };
  for (const auto& [want, lie] : lies) {
    for (const auto effect : {http::Effect::reads, http::Effect::changes}) {
      CAPTURE(lie.substr(0, 60));
      const Place place;
      const Liar liar(place, lie, "\r\n\r\nx");
      http::Client client(place.settings());
      const auto error = failure([&] { client.send({.method = "POST", .path = "/", .body = "x", .effect = effect}); });
      CHECK(error.code() == Code::agent_unreachable);
      CHECK(std::string(error.what()).find(want) != std::string::npos);
      CHECK(error.outcome_unknown() == (effect == http::Effect::changes));
    }
  }
}

/// Answers the first request of its first connection, closes it on the second, and answers all of a second connection.
class DyingServer {
 public:
  explicit DyingServer(const Place& place) : listener_(http::open_unix_listener(place.socket)) {
    worker_.run([this] {
      answer(2);
      answer(1);
    });
  }
  int requests() const { return requests_; }

 private:
  void answer(int until) {
    pollfd ready{.fd = listener_.get(), .events = POLLIN, .revents = 0};
    if (::poll(&ready, 1, 1'000) <= 0) return;
    const Fd peer(::accept(listener_.get(), nullptr, nullptr));
    for (int i = 1; i <= until; ++i) {
      std::string sent;
      std::array<char, 4096> part{};
      while (!sent.ends_with("xyz")) {
        const ssize_t got = ::read(peer.get(), part.data(), part.size());
        if (got <= 0) return;
        sent.append(part.data(), static_cast<std::size_t>(got));
      }
      ++requests_;
      constexpr std::string_view good = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
      if (i == 1) ::send(peer.get(), good.data(), good.size(), MSG_NOSIGNAL);
    }
  }

  Fd listener_;
  std::atomic<int> requests_{0};
  Worker worker_;  // ends first
};

TEST_CASE("a change on a kept connection that dies is not sent again, a read is") {
  for (const auto effect : {http::Effect::reads, http::Effect::changes}) {
    const Place place;
    const DyingServer server(place);
    http::Client client(place.settings());
    const http::ClientRequest request{.method = "POST", .path = "/", .body = "xyz", .effect = effect};
    CHECK(client.send(request).body == "ok");
    const auto error = thrown([&] { client.send(request); });
    if (effect == http::Effect::reads) {
      CHECK(!error);
      CHECK(server.requests() == 3);
    } else {
      REQUIRE(error);
      CHECK(error->outcome_unknown());
      CHECK(server.requests() == 2);
    }
  }
}

TEST_CASE("redirects are answers, not followed") {
  const Place place;
  const Liar liar(place, "HTTP/1.1 302 Found\r\nLocation: http://localhost/other\r\nContent-Length: 0\r\n\r\n");
  CHECK(http::Client(place.settings()).send({.path = "/"}).status == 302);
}

/// Keeps the answers of /slow until somebody asked for /touch `patience` times.
struct SlowServer {
  std::mutex mutex;
  std::list<http::Answer> kept;
  int touches = 0, patience;

  explicit SlowServer(int times) : patience(times) {}
  void handle(const http::Request& request, http::Answer answer) {
    const std::lock_guard lock(mutex);
    if (request.path == "/slow") {
      kept.push_back(std::move(answer));
      return;
    }
    answer({200, "text/plain", std::to_string(++touches), {}});
    if (touches != patience) return;
    for (auto& late : kept) late({200, "text/plain", "done", {}});
  }
};

TEST_CASE("a watch asks again and again while a request waits, and may stop its clock") {
  const Place place;
  SlowServer slow(5);
  const http::Server server({}, place.listener(), [&](const http::Request& request, http::Answer answer) {
    slow.handle(request, std::move(answer));
  });
  // Five looks take longer than the request may, but while the watch says so its time stands still.
  http::Client client(place.settings(std::chrono::milliseconds(120)));
  std::vector<std::string> seen;
  const http::Watch watch{std::chrono::milliseconds(50), {.path = "/touch"}, [&](const http::ClientAnswer& answer) {
                            seen.push_back(answer.body);
                            return true;
                          }};
  CHECK(client.send({.path = "/slow"}, &watch).body == "done");
  REQUIRE(seen.size() >= 4);
  CHECK(seen.at(0) == "1");
}

TEST_CASE("a server that never answers is given up in time, also when a watch is beside it") {
  const Place place;
  SlowServer slow(-1);
  const http::Server server({}, place.listener(), [&](const http::Request& request, http::Answer answer) {
    slow.handle(request, std::move(answer));
  });
  http::Client client(place.settings(std::chrono::milliseconds(150)));
  const http::Watch watch{std::chrono::milliseconds(40), {.path = "/touch"}, [](const auto&) { return false; }};
  for (const http::Watch* beside : {static_cast<const http::Watch*>(nullptr), &watch}) {
    const auto error = failure([&] {
      client.send({.method = "POST", .path = "/slow", .body = "x", .effect = http::Effect::changes}, beside);
    });
    CHECK(std::string(error.what()) == "the peer gives no answer in time");
    CHECK(error.outcome_unknown());
  }
  const std::lock_guard lock(slow.mutex);
  slow.kept.clear();  // the server ends when each has its answer
}

}  // namespace
