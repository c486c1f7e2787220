#include "virtual_yubikey/management.hpp"

#include "virtual_yubikey/algorithms.hpp"
#include "virtual_yubikey/attestation.hpp"
#include "virtual_yubikey/tlv.hpp"

namespace virtual_yubikey {
namespace {

constexpr Byte read_config = 0x1D;
constexpr std::uint64_t piv_capability = 0x10;

}  // namespace

Bytes Management::selected() const {
  const std::string text = "Virtual mgr - FW version " + to_string(memory_.read().firmware);
  return {text.begin(), text.end()};
}

Bytes Management::run(const Command& command) {
  require(command.ins == read_config, Status::unknown_instruction);
  require(command.p1 == 0, Status::wrong_parameters);  // one page is all there is
  const State& state = memory_.read();
  const Version version = state.firmware;
  Bytes pages;
  const auto add = [&](std::uint32_t tag, Bytes value) { append(pages, tlv(tag, value)); };
  const auto capabilities = [&](bool on) { return number(on ? piv_capability : 0, 2); };
  add(0x01, capabilities(true));
  add(0x03, capabilities(true));
  add(0x02, number(state.serial, 4));
  add(0x04, {form_factor(state)});
  add(0x05, {version.major, version.minor, version.patch});
  add(0x06, number(0, 2));
  add(0x07, {0x0F});
  add(0x08, {0});
  add(0x0A, {0});
  if (version >= move_since) {
    add(0x14, capabilities(state.fips));
    add(0x15, capabilities(state.fips));
    add(0x16, {static_cast<Byte>(state.complexity)});
    add(0x18, capabilities(state.reset_blocked));
  }
  pages.insert(pages.begin(), static_cast<Byte>(pages.size()));
  return pages;
}

}  // namespace virtual_yubikey
