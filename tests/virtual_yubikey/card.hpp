#pragma once
#include "virtual_yubikey/management.hpp"
#include "virtual_yubikey/otp.hpp"
#include "virtual_yubikey/piv.hpp"

namespace virtual_yubikey {

/// A whole key: power, selection of applications, APDUs.
class Card {
 public:
  Card(State state, Touch touch, KeyMaker make_key = virtual_yubikey::make_key);

  View atr() const;
  /// Power-off or reset: what a session knows is gone.
  void reset();
  /// One APDU's answer, status word included.
  Bytes transmit(View apdu) { return iso7816_.answer(apdu); }
  Memory& memory() { return memory_; }

 private:
  Bytes run(const Command& command);
  Bytes select(const Command& command);
  Applet* named(View name);

  Memory memory_;
  Piv piv_;
  Management management_;
  Otp otp_;
  Applet* selected_ = nullptr;
  Iso7816 iso7816_;
};

}  // namespace virtual_yubikey
