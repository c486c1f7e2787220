// The virtual YubiKey that tests/e2e/test_card.py has plugged in for one test case, fresh from the factory.
#pragma once
#include <string>
#include <string_view>

#include "agentd/piv/apdu.hpp"
#include "agentd/piv/card.hpp"
#include "base/json.hpp"
#include "support/thrown.hpp"

namespace ymgr::piv {

std::string reader();
/// What it was started as.
Firmware firmware();
inline bool at_least(int major, int minor) {
  return firmware() >= Firmware{major, minor, 0};
}
/// One command to the person beside the key, and the answer. Fails the test when it is refused.
Json control(const std::string& line);
/// VERIFY, CHANGE and UNBLOCK commands that carried a value, so far.
std::size_t compared();
/// APDUs with that instruction so far.
std::size_t sent(Ins ins);
inline Card open_card(OpenOptions options = {}) {
  return Card::open(reader(), std::move(options));
}
/// After a fault has pulled it out: until it can be opened again.
void plug_in();

inline Secret secret(std::string_view text) {
  return Secret(text);
}
inline Secret pin() {
  return Secret(factory_pin());
}
inline Secret puk() {
  return Secret(factory_puk());
}
/// The management key that it left the factory with.
inline ManagementKey factory_key() {
  return factory_management_key(at_least(5, 7) ? ManagementAlgorithm::aes_192 : ManagementAlgorithm::tdes);
}
/// Open and authenticated.
inline Card own_card() {
  Card card = open_card();
  card.authenticate(factory_key());
  return card;
}
/// The number that an error names; -1: none.
template <class Call>
int tries_left(Call&& call) {
  const auto error = thrown(call);
  const std::string* left = error ? error->detail("tries_left") : nullptr;
  return left == nullptr ? -1 : std::stoi(*left);
}

}  // namespace ymgr::piv
