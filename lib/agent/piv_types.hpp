// The words of PIV: slots, algorithms, policies. Values are those of the card (NIST SP 800-73-4, Yubico's extensions).
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/secret.hpp"
#include "x509/types.hpp"

namespace ymgr::piv {

enum class Slot : std::uint8_t {
  authentication = 0x9A,
  signature = 0x9C,
  key_management = 0x9D,
  card_authentication = 0x9E,
  first_retired = 0x82,  // 82 to 95
  last_retired = 0x95,
  attestation = 0xF9,
};
/// "9a", "9c", "9d", "9e", "82" to "95"; lower case. "f9" is not for callers to name: nullopt, as everything else.
std::optional<Slot> parse_slot(std::string_view text) noexcept;
std::string to_string(Slot slot);

enum class Algorithm : std::uint8_t {
  rsa_1024 = 0x06,
  rsa_2048 = 0x07,
  rsa_3072 = 0x05,  // firmware 5.7
  rsa_4096 = 0x16,  // 5.7
  ec_p256 = 0x11,
  ec_p384 = 0x14,
  ed25519 = 0xE0,  // 5.7
  x25519 = 0xE1,   // 5.7; can't sign
};
/// "rsa-1024", "ec-p256", "x25519", and so on.
std::optional<Algorithm> parse_algorithm(std::string_view text) noexcept;
std::string_view to_string(Algorithm algorithm) noexcept;

enum class PinPolicy : std::uint8_t { by_slot = 0, never = 1, once = 2, always = 3 };
enum class TouchPolicy : std::uint8_t { by_slot = 0, never = 1, always = 2, cached = 3 };
/// "default", "never", "once", "always".
std::optional<PinPolicy> parse_pin_policy(std::string_view text) noexcept;
/// "default", "never", "always", "cached".
std::optional<TouchPolicy> parse_touch_policy(std::string_view text) noexcept;
std::string_view to_string(PinPolicy policy) noexcept;
std::string_view to_string(TouchPolicy policy) noexcept;

enum class ManagementAlgorithm : std::uint8_t { tdes = 0x03, aes_128 = 0x08, aes_192 = 0x0A, aes_256 = 0x0C };
/// "tdes", "aes-128", "aes-192", "aes-256".
std::optional<ManagementAlgorithm> parse_management_algorithm(std::string_view text) noexcept;
std::string_view to_string(ManagementAlgorithm algorithm) noexcept;
/// 24, 16, 24, 32 bytes.
std::size_t key_size(ManagementAlgorithm algorithm) noexcept;

struct ManagementKey {
  ManagementAlgorithm algorithm = ManagementAlgorithm::tdes;
  Secret bytes;  // raw, key_size(algorithm)
};
/// The PIN under which ykman keeps a card's management key on the card. The agent alone reads that key.
struct ProtectedKey {
  Secret pin;
};
/// What opens a card for changes.
using Opener = std::variant<ManagementKey, ProtectedKey>;
/// A management key's bytes as text, where it is written down or sent: lower-case hex.
Secret hex_of(const Secret& bytes);
/// The 24 bytes every key leaves the factory with; 3DES, AES-192 from firmware 5.7 on.
ManagementKey factory_management_key(ManagementAlgorithm algorithm);
std::string_view factory_pin() noexcept;
std::string_view factory_puk() noexcept;

struct Firmware {
  int major = 0, minor = 0, patch = 0;
  auto operator<=>(const Firmware&) const = default;
};
std::string to_string(const Firmware& firmware);  // "5.7.4"
/// First firmware that does it. Metadata tells keys, policies, tries and defaults; moving brings deleting with it. AES is for
/// management keys: Yubico's manual says 5.4.2, ykman asks it of 5.4.0.
inline constexpr Firmware attests_since{4, 3, 0}, tells_serial_since{5, 0, 3}, metadata_since{5, 3, 0},
    takes_aes_since{5, 4, 0}, aes_since{5, 4, 2}, moves_since{5, 7, 0};
/// Whether keys of this algorithm can be made there.
bool supports(const Firmware& firmware, Algorithm algorithm) noexcept;

struct Tries {
  int left = 0;
  std::optional<int> max;  // told from firmware 5.3 on
};

/// What is known to be wrong with a key of this firmware.
struct Weakness {
  std::string id;    // "ROCA", "EUCLEAK"
  std::string text;  // one sentence with Yubico's advisory
};
/// ROCA (RSA keys made by firmware before 4.3.5), EUCLEAK (ECDSA before 5.7.0).
std::vector<Weakness> weaknesses(const Firmware& firmware);

/// What a card tells without a secret and without a try spent.
struct DeviceInfo {
  std::string reader;
  std::string serial;  // decimal; empty: it tells none
  Firmware firmware;
  std::string form_factor;  // "usb-a-keychain", "usb-a-nano", "usb-c-keychain", "usb-c-nano", "lightning", "usb-a-bio",
                            // "usb-c-bio"; empty: it tells none
  bool fips = false;
  std::optional<bool> default_pin, default_puk, default_management_key;  // nullopt before firmware 5.3: unknown
  std::optional<Tries> pin_tries, puk_tries;                             // puk: nullopt before 5.3
  ManagementAlgorithm management_algorithm = ManagementAlgorithm::tdes;
  TouchPolicy management_touch = TouchPolicy::never;
  /// ykman's administration data: the management key stands in an object that the PIN opens; it is derived from the PIN
  /// (old, not supported); the PUK was blocked on purpose.
  bool management_key_stored = false, management_key_derived = false, puk_blocked_on_purpose = false;
  std::vector<Weakness> known_weak;
};
/// PIN, PUK and management key are told to be the factory's.
bool all_factory(const DeviceInfo& info) noexcept;

/// A key in a slot, as metadata tells it (firmware 5.3 and later).
struct KeyInfo {
  Algorithm algorithm{};
  PinPolicy pin_policy{};
  TouchPolicy touch_policy{};
  bool generated = false;  // on the card; false: imported
  Der spki;                // SubjectPublicKeyInfo
};

}  // namespace ymgr::piv
