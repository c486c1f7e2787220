// SHA-256 of what comes piece by piece.
#pragma once
#include <memory>
#include <string_view>

#include "base/crypto.hpp"

namespace ymgr {

class Sha256Sum {
 public:
  Sha256Sum();
  ~Sha256Sum();
  void add(std::string_view data);
  /// Once.
  Sha256 finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ymgr
