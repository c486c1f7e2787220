#include "virtual_yubikey/card.hpp"

#include <algorithm>

namespace virtual_yubikey {
namespace {

constexpr Byte select_instruction = 0xA4;
constexpr Byte piv_aid[] = {0xA0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00, 0x01, 0x00};
constexpr Byte management_aid[] = {0xA0, 0x00, 0x00, 0x05, 0x27, 0x47, 0x11, 0x17};
constexpr Byte otp_aid[] = {0xA0, 0x00, 0x00, 0x05, 0x27, 0x20, 0x01, 0x01};
constexpr Byte atr_4[] = {0x3B, 0xF8, 0x13, 0x00, 0x00, 0x81, 0x31, 0xFE, 0x15,
                          0x59, 0x75, 0x62, 0x69, 0x6B, 0x65, 0x79, 0x34, 0xD4};
constexpr Byte atr_5[] = {0x3B, 0xFD, 0x13, 0x00, 0x00, 0x81, 0x31, 0xFE, 0x15, 0x80, 0x73, 0xC0,
                          0x21, 0xC0, 0x57, 0x59, 0x75, 0x62, 0x69, 0x4B, 0x65, 0x79, 0x40};

/// Whether `name` is the first `least` bytes of `aid` or more of it.
bool names(View name, View aid, std::size_t least) {
  return name.size() >= least && name.size() <= aid.size() && equal(name, aid.first(name.size()));
}

}  // namespace

Card::Card(State state, Touch touch, KeyMaker make_key)
    : memory_(std::move(state)),
      piv_(memory_, std::move(touch), std::move(make_key)),
      management_(memory_),
      otp_(memory_),
      iso7816_([this](const Command& command) { return run(command); }) {}

View Card::atr() const {
  return memory_.read().firmware.major < 5 ? View(atr_4) : View(atr_5);
}

void Card::reset() {
  piv_.forget();
  selected_ = nullptr;
  iso7816_.reset();
}

Bytes Card::run(const Command& command) {
  if (command.ins == select_instruction) return select(command);
  require(selected_ != nullptr, Status::unknown_instruction);
  return selected_->run(command);
}

Applet* Card::named(View name) {
  if (names(name, piv_aid, 5)) return &piv_;
  if (names(name, management_aid, 8)) return &management_;
  if (names(name, otp_aid, 7) && memory_.read().firmware.major < 5) return &otp_;
  return nullptr;
}

Bytes Card::select(const Command& command) {
  require(command.p1 == 0x04 && command.p2 == 0, Status::wrong_parameters);
  Applet* const wanted = named(command.data);
  if (selected_ != nullptr && selected_ != wanted) selected_->forget();
  selected_ = wanted;
  require(wanted != nullptr, Status::not_found);
  return wanted->selected();
}

}  // namespace virtual_yubikey
