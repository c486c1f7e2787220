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

/// Who the client is to a server that asks for a certificate.
struct ClientIdentity {
  std::string certificate;  // PEM, with what stands between it and the server's root
  Secret key;               // PEM, unencrypted
};

struct ClientSettings {
  std::string base_url;          // "https://vault.example.com:8200", "http://localhost"; no slash at the end
  std::string unix_socket = {};  // path; the name in base_url is only what Host says
  std::string peer_name;         // in messages: "the agent"
  Duration timeout = std::chrono::seconds(60);  // of a whole request, connecting included
  Duration connect_timeout{};                   // of connecting, TLS included; zero: what `timeout` leaves
  std::size_t max_body = 1024UL * 1024;         // of an answer
  std::string ca_file = {};                     // PEM: the only roots that are trusted; empty: the system's
  std::shared_ptr<const ClientIdentity> identity = {};
  bool tell_certificate = false;          // of a server with TLS, in ClientAnswer::certificate
  Code unreachable = Code::system_error;  // what failures to connect, to answer and to answer in time become
  Code untrusted = Code::system_error;    // the other end is not who it should be: TLS, or another user's Unix socket
};

/// Whether a request without an answer leaves a question: then its error has outcome unknown, and it is never sent twice
/// (libcurl would, by itself, when a kept connection dies before the first byte of the answer).
enum class Effect { reads, changes };

using Headers = std::vector<std::pair<std::string, std::string>>;

/// Outlives the call, as do the secrets that it names.
struct ClientRequest {
  std::string method = "GET";  // any word
  std::string path;            // with the query
  std::string body = {};
  std::string content_type = {};        // of the body
  const Secret* bearer = nullptr;       // with bearer_prefix before it: a header line
  const Secret* secret_body = nullptr;  // instead of `body`
  Effect effect = Effect::reads;
  Duration timeout{};    // zero: that of the settings
  Headers headers = {};  // beside those that the client makes
  std::string bearer_prefix = "Authorization: Bearer ";
};
/// The body of an answer may hold secrets, so the client leaves no other copy of it; libcurl's own buffer of one connection keeps the
/// last 16 KiB until it is used again.
struct ClientAnswer {
  int status = 0;
  std::string content_type, body;
  Headers headers;               // names lower case, in order
  std::string certificate = {};  // PEM of the server's own, where the settings ask for it

  /// Of the first header of that (lower-case) name; nullptr: none.
  const std::string* header(std::string_view name) const noexcept;
};

/// A small request that is made again and again, on a connection of its own, while another one waits for its answer.
struct Watch {
  Duration every{};
  ClientRequest request;
  /// Gets each answer (one that fails ends the watch). @return true: the time until the next does not count for the other
  std::function<bool(const ClientAnswer&)> seen;
};

/// Connects when it is first used and keeps connections. One thread. Certificates and names are always checked, TLS 1.2 is the
/// least; redirects, proxies and other protocols than http and https are not followed; nothing is taken from the environment.
class Client {
 public:
  explicit Client(ClientSettings);
  Client(Client&&) noexcept;
  ~Client();

  /// Any status is an answer. @throws Error library-missing, the two codes of the settings, file-not-found: no CA file; usage: a
  /// control character in a header, key-invalid: the identity can't be used
  ClientAnswer send(const ClientRequest&, const Watch* watch = nullptr);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ymgr::http
