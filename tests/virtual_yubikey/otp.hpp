#pragma once
#include "virtual_yubikey/applet.hpp"
#include "virtual_yubikey/memory.hpp"

namespace virtual_yubikey {

/// The OTP application of a YubiKey 4, which clients ask for the serial number that PIV does not tell there.
class Otp : public Applet {
 public:
  explicit Otp(const Memory& memory) : memory_(memory) {}
  Bytes selected() const override {
    const Version version = memory_.read().firmware;
    return {version.major, version.minor, version.patch, 0, 0, 0};  // nothing programmed
  }
  Bytes run(const Command& command) override {
    require(command.ins == 0x01, Status::unknown_instruction);
    require(command.p1 == 0x10, Status::wrong_parameters);
    return number(memory_.read().serial, 4);
  }
  void forget() override {}

 private:
  const Memory& memory_;
};

}  // namespace virtual_yubikey
