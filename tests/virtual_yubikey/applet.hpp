#pragma once
#include "virtual_yubikey/iso7816.hpp"

namespace virtual_yubikey {

class Applet {
 public:
  virtual ~Applet() = default;
  /// The answer to SELECT.
  virtual Bytes selected() const = 0;
  /// @throws Refusal
  virtual Bytes run(const Command& command) = 0;
  /// Power-off, reset, or another applet selected.
  virtual void forget() = 0;
};

}  // namespace virtual_yubikey
