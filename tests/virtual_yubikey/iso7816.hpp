#pragma once
#include <functional>
#include <optional>

#include "virtual_yubikey/bytes.hpp"
#include "virtual_yubikey/status.hpp"

namespace virtual_yubikey {

struct Command {
  Byte cla = 0, ins = 0, p1 = 0, p2 = 0;
  Bytes data;
  std::size_t expected = 256;  // most bytes of answer; what a command without Le may get as well
  bool extended = false;
};

/// Short or extended, cases 1 to 4 of ISO 7816-3; nothing: the lengths do not fit.
std::optional<Command> parse_command(View apdu);

/// What a whole command is answered with, without its status word. @throws Refusal
using Application = std::function<Bytes(const Command&)>;

/// Puts chained commands together and hands long answers out in pieces (61xx, GET RESPONSE).
class Iso7816 {
 public:
  explicit Iso7816(Application application) : application_(std::move(application)) {}
  /// One APDU's answer, status word included.
  Bytes answer(View apdu);
  void reset();

 private:
  Bytes run(const Command& command);
  bool collect(Command& command);
  Bytes next_piece(std::size_t most);

  Application application_;
  std::optional<Command> chain_;
  Bytes left_;  // of an answer
};

}  // namespace virtual_yubikey
