#pragma once
#include <utility>

#include "virtual_yubikey/state.hpp"

namespace virtual_yubikey {

/// The state of a plugged key, which knows whether it must be saved.
class Memory {
 public:
  explicit Memory(State state) : state_(std::move(state)) {}
  const State& read() const { return state_; }
  State& change() {
    changed_ = true;
    return state_;
  }
  bool take_changed() { return std::exchange(changed_, false); }

 private:
  State state_;
  bool changed_ = false;
};

}  // namespace virtual_yubikey
