#pragma once
#include <compare>
#include <filesystem>
#include <map>
#include <optional>

#include "virtual_yubikey/bytes.hpp"

namespace virtual_yubikey {

struct Version {
  Byte major = 0, minor = 0, patch = 0;
  auto operator<=>(const Version&) const = default;
};
std::string to_string(const Version& version);
/// "5.7.4". @throws std::invalid_argument
Version parse_version(const std::string& text);

/// A PIN or PUK.
struct Credential {
  Bytes value;  // eight bytes, padded with FF
  unsigned tries = 3;
  unsigned most = 3;
};

struct ManagementKey {
  Byte algorithm = 0;
  Bytes value;
  Byte touch_policy = 1;
};

enum class Origin : Byte { generated = 1, imported = 2 };

struct Key {
  Byte algorithm = 0;
  Byte pin_policy = 0;    // resolved: never 0
  Byte touch_policy = 0;  // likewise
  Origin origin = Origin::generated;
  Bytes private_key{};  // DER
};

/// What a YubiKey remembers without power.
struct State {
  Version firmware{};
  std::uint32_t serial = 0;
  bool fips = false;
  bool complexity = false;     // of new PINs and PUKs
  bool reset_blocked = false;  // RESET is refused
  Credential pin{}, puk{};
  ManagementKey management_key{};
  std::map<Byte, Key> keys{};
  std::map<std::uint32_t, Bytes> objects{};
};

/// PIN, PUK and management key as they leave the factory, the counters full; keys and objects gone but those of F9.
void to_factory(State& state);

/// A state file, owned by one process at a time, replaced as a whole by every change.
class StateFile {
 public:
  /// @throws std::runtime_error another process has it
  explicit StateFile(std::filesystem::path path);
  ~StateFile();
  StateFile(const StateFile&) = delete;
  StateFile& operator=(const StateFile&) = delete;

  /// Nothing: there is none yet. @throws std::runtime_error not readable, or not a state
  std::optional<State> load() const;
  void save(const State& state) const;

 private:
  std::filesystem::path path_;
  int lock_;
};

}  // namespace virtual_yubikey
