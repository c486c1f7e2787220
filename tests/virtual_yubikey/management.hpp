#pragma once
#include "virtual_yubikey/applet.hpp"
#include "virtual_yubikey/memory.hpp"

namespace virtual_yubikey {

/// The management application, as far as it tells what the device is.
class Management : public Applet {
 public:
  explicit Management(const Memory& memory) : memory_(memory) {}
  Bytes selected() const override;
  Bytes run(const Command& command) override;
  void forget() override {}

 private:
  const Memory& memory_;
};

}  // namespace virtual_yubikey
