// One HTTP/1.1 client over libcurl, which is opened when it is first used: to a Unix socket whose owner is checked, or by TLS.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/secret.hpp"

namespace ymgr::http {

struct ClientSettings {
  std::string base_url;          // "https://vault.example.com:8200", "http://localhost"; no slash at the end
  std::string unix_socket = {};  // path; the name in base_url is only what Host says
  std::string peer_name;         // in messages: "the agent"
  Duration timeout = std::chrono::seconds(60);  // of a whole request, connecting included
  std::size_t max_body = 1024UL * 1024;         // of an answer
  Code unreachable = Code::system_error;        // what failures to connect, to answer and to answer in time become
  Code untrusted = Code::system_error;          // another user's program has the Unix socket
};

/// Whether a request without an answer leaves a question: then its error has outcome unknown, and the connection is a fresh
/// one, because on a kept one that has just died libcurl would send the request again by itself.
enum class Effect { reads, changes };

struct ClientRequest {
  std::string method = "GET";
  std::string path;  // with the query
  std::string body = {};
  std::string content_type = {};   // of the body
  const Secret* bearer = nullptr;  // outlives the call
  Effect effect = Effect::reads;
  Duration timeout{};  // zero: that of the settings
};
struct ClientAnswer {
  int status = 0;
  std::string content_type, body;
};

/// A small request that is made again and again, on a connection of its own, while another one waits for its answer.
struct Watch {
  Duration every{};
  ClientRequest request;
  /// Gets each answer (one that fails ends the watch). @return true: the time until the next does not count for the other
  std::function<bool(const ClientAnswer&)> seen;
};

/// Connects when it is first used and keeps connections. One thread. Certificates and names are checked against the system's
/// roots; redirects, proxies and other protocols than http and https are not followed; nothing is taken from the environment.
class Client {
 public:
  explicit Client(ClientSettings);
  Client(Client&&) noexcept;
  ~Client();

  /// Any status is an answer. @throws Error library-missing, and the two codes of the settings
  ClientAnswer send(const ClientRequest&, const Watch* watch = nullptr);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ymgr::http
