#pragma once
#include <optional>
#include <string>
#include <vector>

#include "virtual_yubikey/bytes.hpp"

namespace virtual_yubikey {

enum class FaultKind {
  removed_before,  // pulled out; the APDU is not run
  removed_after,   // run and remembered; pulled out before the answer
  reset_before,    // as removed, and plugged in again at once
  reset_after,
  garbage,         // run; the answer is random bytes
  stores_nothing,  // answered as if run; nothing is remembered
  answer,          // not run; these bytes are the answer
  hold,            // run once the control socket says `release`
};

struct Fault {
  FaultKind kind;
  std::optional<Byte> instruction;  // counts only APDUs with it
  unsigned countdown = 1;           // strikes at that APDU
  unsigned times = 1;               // and at so many in all
  Bytes answer;
};

/// "removed-after ins=24 nth=2 times=3", "answer hex=6a80". @throws std::invalid_argument
Fault parse_fault(const std::string& text);
/// One line per kind, for --help.
std::string fault_kinds();

class Faults {
 public:
  void add(Fault fault) { armed_.push_back(std::move(fault)); }
  void clear() { armed_.clear(); }
  std::size_t armed() const { return armed_.size(); }
  /// What strikes at this APDU.
  std::optional<Fault> strike(View apdu);

 private:
  std::vector<Fault> armed_;
};

}  // namespace virtual_yubikey
