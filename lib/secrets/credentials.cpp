#include "secrets/credentials.hpp"

#include <algorithm>
#include <array>

#include "base/crypto.hpp"
#include "base/error.hpp"

namespace ymgr {
namespace {

constexpr std::size_t digit_count = 8;
constexpr std::string_view trivial_texts[] = {
    "123456",  "1234567", "12345678", "123123",   "654321",   "password", "passw0rd", "qwerty", "abc123", "qwertz",
    "letmein", "696969",  "112233",   "11223344", "12341234", "123321",   "00112233", "147258", "159753", "147258369"};

/// Without parity bits, high half and low half of what repeats in them (NIST SP 800-67, weak and semi-weak keys): every byte of
/// such a key is one of four values, alternating as the tables have it.
constexpr std::array<std::array<unsigned char, 8>, 16> weak_parts = {{
    {0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01},
    {0xFE, 0xFE, 0xFE, 0xFE, 0xFE, 0xFE, 0xFE, 0xFE},
    {0x1F, 0x1F, 0x1F, 0x1F, 0x0E, 0x0E, 0x0E, 0x0E},
    {0xE0, 0xE0, 0xE0, 0xE0, 0xF1, 0xF1, 0xF1, 0xF1},
    {0x01, 0xFE, 0x01, 0xFE, 0x01, 0xFE, 0x01, 0xFE},
    {0xFE, 0x01, 0xFE, 0x01, 0xFE, 0x01, 0xFE, 0x01},
    {0x1F, 0xE0, 0x1F, 0xE0, 0x0E, 0xF1, 0x0E, 0xF1},
    {0xE0, 0x1F, 0xE0, 0x1F, 0xF1, 0x0E, 0xF1, 0x0E},
    {0x01, 0xE0, 0x01, 0xE0, 0x01, 0xF1, 0x01, 0xF1},
    {0xE0, 0x01, 0xE0, 0x01, 0xF1, 0x01, 0xF1, 0x01},
    {0x1F, 0xFE, 0x1F, 0xFE, 0x0E, 0xFE, 0x0E, 0xFE},
    {0xFE, 0x1F, 0xFE, 0x1F, 0xFE, 0x0E, 0xFE, 0x0E},
    {0x01, 0x1F, 0x01, 0x1F, 0x01, 0x0E, 0x01, 0x0E},
    {0x1F, 0x01, 0x1F, 0x01, 0x0E, 0x01, 0x0E, 0x01},
    {0xE0, 0xFE, 0xE0, 0xFE, 0xF1, 0xFE, 0xF1, 0xFE},
    {0xFE, 0xE0, 0xFE, 0xE0, 0xFE, 0xF1, 0xFE, 0xF1},
}};

/// The lowest bit of a byte is parity.
bool same_des_part(std::string_view a, std::string_view b) noexcept {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return ((x ^ y) & 0xFE) == 0; });
}

bool is_run(std::string_view text, int step) noexcept {
  return std::adjacent_find(text.begin(), text.end(), [&](char a, char b) { return b - a != step; }) == text.end();
}

}  // namespace

bool is_trivial(std::string_view pin) noexcept {
  return is_run(pin, 0) || is_run(pin, 1) || is_run(pin, -1) ||
         std::find(std::begin(trivial_texts), std::end(trivial_texts), pin) != std::end(trivial_texts);
}

bool is_weak_tdes(std::string_view key) noexcept {
  if (key.size() != 24) return true;
  const std::string_view parts[] = {key.substr(0, 8), key.substr(8, 8), key.substr(16, 8)};
  if (same_des_part(parts[0], parts[1]) || same_des_part(parts[1], parts[2]) || same_des_part(parts[0], parts[2]))
    return true;
  return std::any_of(std::begin(parts), std::end(parts), [](std::string_view part) {
    return std::any_of(weak_parts.begin(), weak_parts.end(), [&](const auto& weak) {
      return same_des_part(part, {reinterpret_cast<const char*>(weak.data()), weak.size()});
    });
  });
}

Secret make_digits() {
  for (;;) {
    Secret digits(digit_count);
    for (char& digit : digits.fill()) {
      unsigned char byte = 0;
      do {  // 250 = 25 * 10: every digit equally often
        fill_random({reinterpret_cast<char*>(&byte), 1});
      } while (byte >= 250);
      digit = static_cast<char>('0' + byte % 10);
      byte = 0;
    }
    if (!is_trivial(digits.reveal())) return digits;
  }
}

piv::ManagementKey make_management_key(piv::ManagementAlgorithm algorithm) {
  for (;;) {
    piv::ManagementKey key{algorithm, Secret::random(piv::key_size(algorithm))};
    if (algorithm != piv::ManagementAlgorithm::tdes || !is_weak_tdes(key.bytes.reveal())) return key;
  }
}

void check_chosen(const Secret& value, std::string_view what) {
  const auto text = value.reveal();
  const auto refuse = [&](std::string_view why) {
    throw Error(Code::pin_unusable, "the " + std::string(what) + " " + std::string(why));
  };
  if (text.size() < 6 || text.size() > 8) refuse("has not 6 to 8 characters");
  if (!std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; }))
    refuse("has characters that some readers can't enter: letters, digits and signs of ASCII do");
  if (is_trivial(text)) refuse("is one of those that everybody tries");
}

}  // namespace ymgr
