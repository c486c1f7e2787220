#include "agent/piv_types.hpp"

#include <array>
#include <charconv>
#include <span>

namespace ymgr::piv {
namespace {

template <class Value>
struct Word {
  Value value;
  std::string_view text;
};

constexpr Word<Algorithm> algorithms[] = {
    {Algorithm::rsa_1024, "rsa-1024"}, {Algorithm::rsa_2048, "rsa-2048"}, {Algorithm::rsa_3072, "rsa-3072"},
    {Algorithm::rsa_4096, "rsa-4096"}, {Algorithm::ec_p256, "ec-p256"},   {Algorithm::ec_p384, "ec-p384"},
    {Algorithm::ed25519, "ed25519"},   {Algorithm::x25519, "x25519"},
};
constexpr Word<PinPolicy> pin_policies[] = {{PinPolicy::by_slot, "default"},
                                            {PinPolicy::never, "never"},
                                            {PinPolicy::once, "once"},
                                            {PinPolicy::always, "always"}};
constexpr Word<TouchPolicy> touch_policies[] = {{TouchPolicy::by_slot, "default"},
                                                {TouchPolicy::never, "never"},
                                                {TouchPolicy::always, "always"},
                                                {TouchPolicy::cached, "cached"}};
constexpr Word<ManagementAlgorithm> management_algorithms[] = {{ManagementAlgorithm::tdes, "tdes"},
                                                               {ManagementAlgorithm::aes_128, "aes-128"},
                                                               {ManagementAlgorithm::aes_192, "aes-192"},
                                                               {ManagementAlgorithm::aes_256, "aes-256"}};

template <class Value>
std::optional<Value> value_of(std::span<const Word<Value>> words, std::string_view text) noexcept {
  for (const auto& word : words) {
    if (word.text == text) return word.value;
  }
  return std::nullopt;
}

template <class Value>
std::string_view text_of(std::span<const Word<Value>> words, Value value) noexcept {
  for (const auto& word : words) {
    if (word.value == value) return word.text;
  }
  return "unknown";
}

}  // namespace

std::optional<Algorithm> parse_algorithm(std::string_view text) noexcept {
  return value_of<Algorithm>(algorithms, text);
}
std::string_view to_string(Algorithm algorithm) noexcept {
  return text_of<Algorithm>(algorithms, algorithm);
}
std::optional<PinPolicy> parse_pin_policy(std::string_view text) noexcept {
  return value_of<PinPolicy>(pin_policies, text);
}
std::string_view to_string(PinPolicy policy) noexcept {
  return text_of<PinPolicy>(pin_policies, policy);
}
std::optional<TouchPolicy> parse_touch_policy(std::string_view text) noexcept {
  return value_of<TouchPolicy>(touch_policies, text);
}
std::string_view to_string(TouchPolicy policy) noexcept {
  return text_of<TouchPolicy>(touch_policies, policy);
}
std::optional<ManagementAlgorithm> parse_management_algorithm(std::string_view text) noexcept {
  return value_of<ManagementAlgorithm>(management_algorithms, text);
}
std::string_view to_string(ManagementAlgorithm algorithm) noexcept {
  return text_of<ManagementAlgorithm>(management_algorithms, algorithm);
}

std::optional<Slot> parse_slot(std::string_view text) noexcept {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc() || text.size() != 2 || end != text.data() + 2) return std::nullopt;
  const Slot slot{static_cast<std::uint8_t>(value)};
  const bool known = (slot >= Slot::first_retired && slot <= Slot::last_retired) || slot == Slot::authentication ||
                     slot == Slot::signature || slot == Slot::key_management || slot == Slot::card_authentication;
  if (!known || to_string(slot) != text) return std::nullopt;
  return slot;
}

std::string to_string(Slot slot) {
  constexpr std::string_view digits = "0123456789abcdef";
  const auto value = static_cast<unsigned>(slot);
  return {digits[value >> 4U], digits[value & 0xFU]};
}

std::size_t key_size(ManagementAlgorithm algorithm) noexcept {
  switch (algorithm) {
    case ManagementAlgorithm::aes_128: return 16;
    case ManagementAlgorithm::aes_256: return 32;
    case ManagementAlgorithm::tdes:
    case ManagementAlgorithm::aes_192: return 24;
  }
  return 0;
}

Secret hex_of(const Secret& bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  Secret out(bytes.size() * 2);
  auto to = out.fill().begin();
  for (const char c : bytes.reveal()) {
    *to++ = digits[static_cast<unsigned char>(c) >> 4U];
    *to++ = digits[static_cast<unsigned char>(c) & 0xFU];
  }
  return out;
}

ManagementKey factory_management_key(ManagementAlgorithm algorithm) {
  ManagementKey key{algorithm, Secret(24)};
  char next = 0;
  for (char& byte : key.bytes.fill()) byte = static_cast<char>(next++ % 8 + 1);
  return key;
}
std::string_view factory_pin() noexcept {
  return "123456";
}
std::string_view factory_puk() noexcept {
  return "12345678";
}

std::string to_string(const Firmware& firmware) {
  return std::to_string(firmware.major) + '.' + std::to_string(firmware.minor) + '.' + std::to_string(firmware.patch);
}

bool supports(const Firmware& firmware, Algorithm algorithm) noexcept {
  switch (algorithm) {
    case Algorithm::rsa_1024:
    case Algorithm::rsa_2048: return firmware < Firmware{4, 2, 0} || firmware >= Firmware{4, 3, 5};
    case Algorithm::ec_p256: return true;
    case Algorithm::ec_p384: return firmware >= Firmware{4, 0, 0};
    case Algorithm::rsa_3072:
    case Algorithm::rsa_4096:
    case Algorithm::ed25519:
    case Algorithm::x25519: return firmware >= Firmware{5, 7, 0};
  }
  return false;
}

bool all_factory(const DeviceInfo& info) noexcept {
  return info.default_pin == true && info.default_puk == true && info.default_management_key == true;
}

std::vector<Weakness> weaknesses(const Firmware& firmware) {
  std::vector<Weakness> found;
  if (firmware >= Firmware{4, 2, 0} && firmware < Firmware{4, 3, 5}) {
    found.push_back({"ROCA", "RSA keys made on this key can be factored (YSA-2017-01, CVE-2017-15361)"});
  }
  if (firmware < Firmware{5, 7, 0}) {
    found.push_back({"EUCLEAK", "who has this key in hand and opens it can get at its ECDSA keys (YSA-2024-03)"});
  }
  return found;
}

}  // namespace ymgr::piv
