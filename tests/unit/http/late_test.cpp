#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <future>
#include <map>
#include <mutex>

#include "base/workers.hpp"
#include "http/listen.hpp"
#include "http/server.hpp"
#include "support/tcp_client.hpp"
#include "support/thrown.hpp"

namespace {
using namespace ymgr;
using test::TcpClient;

bool holds(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

std::vector<Fd> one(Fd listener) {
  std::vector<Fd> listeners;
  listeners.push_back(std::move(listener));
  return listeners;
}

/// Answers when it is told to.
class Later {
 public:
  http::LateHandler handler() {
    return [this](const http::Request& request, http::Answer answer) {
      if (request.path == "/now") return answer({200, "text/plain", "now [" + request.query + "]", {}});
      const std::lock_guard lock(mutex_);
      kept_[request.path] = std::move(answer);
    };
  }
  http::Answer take(const std::string& path) {
    for (;;) {
      const std::lock_guard lock(mutex_);
      if (const auto at = kept_.find(path); at != kept_.end()) return std::move(kept_.extract(at).mapped());
    }
  }

 private:
  std::mutex mutex_;
  std::map<std::string, http::Answer> kept_;
};

void ask(TcpClient& client, const std::string& target) {
  client.send("GET " + target + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
}

/// A folder that goes with its socket.
struct Place {
  Place() { REQUIRE(::mkdtemp(folder) != nullptr); }
  ~Place() {
    ::unlink(socket().c_str());
    ::rmdir(folder);
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  std::string socket() const { return std::string(folder) + "/s"; }
  char folder[32] = "/tmp/ymgr-http-XXXXXX";
};

std::string ask_socket(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const Fd client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(::connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  const std::string_view request = "GET /who HTTP/1.0\r\n\r\n";
  REQUIRE(::write(client.get(), request.data(), request.size()) > 0);
  std::string answer(4096, '\0');
  std::size_t size = 0;
  for (ssize_t n = 0; (n = ::read(client.get(), answer.data() + size, answer.size() - size)) > 0;)
    size += static_cast<std::size_t>(n);
  answer.resize(size);
  return answer;
}

TEST_CASE("an answer may come later and from another thread, while others are served") {
  Later later;
  const http::Server server({}, one(http::open_listener("127.0.0.1", 0)), later.handler());
  TcpClient slow(server.port()), quick(server.port());
  ask(slow, "/later");
  auto answer = later.take("/later");
  ask(quick, "/now?serial=7&x");
  CHECK(holds(quick.read_all(), "now [serial=7&x]"));
  {
    Worker other;
    std::promise<void> done;
    other.run([&] {
      answer({200, "text/plain", "first", {}});
      answer({200, "text/plain", "second", {}});
      done.set_value();
    });
    done.get_future().wait();
  }
  CHECK(holds(slow.read_all(), "first"));
}

TEST_CASE("a request that the handler forgets is answered all the same") {
  Later later;
  const http::Server server({}, one(http::open_listener("127.0.0.1", 0)), later.handler());
  TcpClient client(server.port());
  ask(client, "/later");
  later.take("/later") = nullptr;
  CHECK(holds(client.read_all(), " 500 "));
}

TEST_CASE("the server's end waits for the answers that are owed, and no longer takes connections") {
  Later later;
  auto server =
      std::make_unique<http::Server>(http::ServerSettings(), one(http::open_listener("127.0.0.1", 0)), later.handler());
  TcpClient client(server->port());
  ask(client, "/later");
  auto answer = later.take("/later");
  Worker other;
  std::promise<void> ended;
  other.run([&] {
    server.reset();
    ended.set_value();
  });
  auto waiting = ended.get_future();
  CHECK(waiting.wait_for(std::chrono::milliseconds(50)) == std::future_status::timeout);
  answer({200, "text/plain", "the last", {}});
  CHECK(holds(client.read_all(), "the last"));
  waiting.wait();
}

TEST_CASE("a server that hangs in its handler is not alive") {
  std::promise<void> entered, go;
  http::Server server({}, one(http::open_listener("127.0.0.1", 0)),
                      [&](const http::Request&, const http::Answer& answer) {
                        entered.set_value();
                        go.get_future().wait();
                        answer({});
                      });
  CHECK(server.alive());
  const auto comes_round = [&] {
    for (int i = 0; i < 1000; ++i) {
      if (server.alive()) return true;
      ::usleep(1000);
    }
    return false;
  };
  CHECK(comes_round());
  TcpClient client(server.port());
  ask(client, "/");
  entered.get_future().wait();
  server.alive();  // what it did before
  CHECK_FALSE(server.alive());
  CHECK_FALSE(server.alive());
  go.set_value();
  client.read_all();
  CHECK(comes_round());
}

TEST_CASE("a Unix socket is served, tells who asks, and a dead one is replaced") {
  const Place place;
  const auto serve = [&] {
    return std::make_unique<http::Server>(
        http::ServerSettings{.identify_peers = true}, one(http::open_unix_listener(place.socket())),
        [](const http::Request& request, const http::Answer& answer) {
          const bool own = request.transport == http::Transport::unix_socket && request.peer == ::geteuid();
          answer({200, "text/plain", own ? "it is me" : "somebody else", {}});
        });
  };
  auto first = serve();
  CHECK(holds(ask_socket(place.socket()), "it is me"));
  CHECK_CODE(http::open_unix_listener(place.socket()), Code::address_in_use);
  first.reset();
  first = serve();
  CHECK(holds(ask_socket(place.socket()), "it is me"));
}

TEST_CASE("what is no socket is not replaced, and a long path is refused") {
  const Place place;
  Fd(::open(place.socket().c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  CHECK_CODE(http::open_unix_listener(place.socket()), Code::file_unsafe);
  CHECK_CODE(http::open_unix_listener("/tmp/" + std::string(120, 'x')), Code::usage);
}

}  // namespace
