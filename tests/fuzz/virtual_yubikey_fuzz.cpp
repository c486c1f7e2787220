// APDUs to the virtual YubiKey: a byte of choices (firmware; whether PIN and management key are given first), then frames of two
// bytes of length and as many of APDU. Whatever comes, each is answered by a status word and no more than was asked for.
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <map>

#include "virtual_yubikey/attestation.hpp"
#include "virtual_yubikey/block_cipher.hpp"
#include "virtual_yubikey/card.hpp"

using namespace virtual_yubikey;

namespace {

/// Keys are made once; RSA is short whatever was asked for.
Bytes cached_key(Byte algorithm) {
  static std::map<Byte, Bytes> keys;
  Bytes& key = keys[algorithm];
  if (key.empty()) key = make_key(rsa_bits(algorithm) != 0 ? rsa1024 : algorithm);
  return key;
}

State new_state(Version firmware) {
  static std::map<Version, State> states;
  const auto made = states.find(firmware);
  if (made != states.end()) return made->second;
  std::string folder = std::filesystem::temp_directory_path() / "virtual-yubikey-XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) std::abort();
  State state{.firmware = firmware, .serial = 1};
  to_factory(state);
  make_attestation_key(state, folder);
  std::filesystem::remove_all(folder);
  return states[firmware] = state;
}

void send(Card& card, const Bytes& apdu) {
  const Bytes answer = card.transmit(apdu);
  const auto command = parse_command(apdu);
  if (answer.size() < 2 || answer.size() > (command ? command->expected : 0) + 2) std::abort();
}

void authenticate(Card& card) {
  const ManagementKey& key = card.memory().read().management_key;
  send(card, from_hex("00a4040005a000000308"));
  send(card, from_hex("0020008008313233343536ffff"));
  const Bytes asked = card.transmit(Bytes{0x00, 0x87, key.algorithm, 0x9B, 0x04, 0x7C, 0x02, 0x81, 0x00});
  const View challenge = View(asked).subspan(4, block_bytes(key.algorithm));
  const Bytes data = tlv(0x7C, tlv(0x82, run_block(key.algorithm, key.value, challenge, Direction::encrypt)));
  Bytes apdu = {0x00, 0x87, key.algorithm, 0x9B, static_cast<Byte>(data.size())};
  append(apdu, data);
  if (card.transmit(apdu) != Bytes{0x90, 0x00}) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr Version firmwares[] = {{4, 3, 5}, {5, 2, 7}, {5, 4, 3}, {5, 7, 4}};
  View left(data, size);
  if (left.empty()) return 0;
  Card card(
      new_state(firmwares[left[0] & 3]), [] { return true; }, cached_key);
  if ((left[0] & 4) != 0) authenticate(card);
  for (left = left.subspan(1); left.size() > 2;) {
    const auto length = std::min<std::size_t>(static_cast<std::size_t>(left[0]) << 8 | left[1], left.size() - 2);
    const View apdu = left.subspan(2, length);
    if (!apdu.empty()) send(card, Bytes(apdu.begin(), apdu.end()));
    left = left.subspan(2 + length);
  }
  return 0;
}
