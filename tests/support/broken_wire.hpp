// Stands between a client and PostgreSQL's socket, and loses an answer or a request once it is told to.
#pragma once
#include <atomic>
#include <string>
#include <string_view>
#include <thread>

#include "base/files.hpp"

namespace ymgr::test {

enum class Loss { none, request, answer };

class BrokenWire {
 public:
  /// `server`: the folder of PostgreSQL's socket.
  explicit BrokenWire(std::string server);
  ~BrokenWire();
  BrokenWire(const BrokenWire&) = delete;
  BrokenWire& operator=(const BrokenWire&) = delete;
  std::string host() const { return folder_.path(); }
  /// The next request that holds `word` never arrives, or is never answered; the connection breaks.
  void lose(Loss loss, std::string_view word) {
    word_ = word;
    loss_ = loss;
  }
  bool has_lost() const { return loss_ == Loss::none; }

 private:
  void serve();
  void forward(int client) const;
  /// False: the connection breaks.
  bool pass_request(int client, int server) const;

  TemporaryFolder folder_{"ymgr-wire"};
  std::string server_, word_;
  mutable std::atomic<Loss> loss_ = Loss::none;
  std::atomic<bool> ends_ = false;
  Fd listener_;
  std::thread thread_;
};

}  // namespace ymgr::test
