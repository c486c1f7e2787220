// One request on its way through the server. For this folder.
#pragma once
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "http/microhttpd.hpp"
#include "http/server.hpp"

namespace ymgr::http {

/// A request while it arrives and waits for its answer.
struct Exchange {
  Request request;
  bool too_large = false;
  std::optional<Response> answer;       // guarded by Desk::mutex, as is the next
  MHD_Connection* suspended = nullptr;  // waits for the answer
};

/// Where answers of other threads wait for the server's.
struct Desk {
  std::mutex mutex;
  std::vector<MHD_Connection*> answered;
  Fd wake;  // an eventfd

  void ring() const noexcept;
};

/// The handler's promise to answer; one that goes away unanswered becomes a 500.
class Promise {
 public:
  Promise(std::shared_ptr<Exchange> exchange, std::shared_ptr<Desk> desk, Response otherwise);
  ~Promise();
  Promise(const Promise&) = delete;
  Promise& operator=(const Promise&) = delete;
  void keep(Response response);

 private:
  std::shared_ptr<Exchange> exchange_;
  std::shared_ptr<Desk> desk_;
  Response otherwise_;
};

struct Fault {
  int status;
  const char* why;
};
/// What is wrong with the head of a request; nullopt: nothing. Fills method, path, query and headers.
/// @param target  of the request line, as it was sent
std::optional<Fault> read_head(MHD_Connection*, const char* method, const std::string& target, const char* version,
                               const ServerSettings&, Request&);
/// Hands the answer to libmicrohttpd.
MHD_Result queue(MHD_Connection*, const Response&);
/// The server's own refusal. What follows on the connection can't be trusted when `close`.
enum class After { keep, close };
Response refuse(const ServerSettings&, int status, const char* why, After after);

}  // namespace ymgr::http
