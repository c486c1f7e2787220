// Layered configuration: flag > environment > file named by -c or YMGR_CONFIG > user's file > system's file > default. In each
// file a context stands above the file's own settings.
#pragma once
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "cli/args.hpp"
#include "cli/format.hpp"
#include "inventory/devices.hpp"
#include "license/license.hpp"

namespace ymgr::cli {

/// One key. `check` throws Error when the text is no such value.
struct ConfigKey {
  std::string_view name;         // "session.folder"
  std::string_view environment;  // "YMGR_HOME", or several with blanks, the strongest first; empty: none
  std::string_view flag;         // "--timeout"; empty: none
  std::string_view fallback;     // the default
  std::string_view help;
  void (*check)(const std::string& value) = nullptr;
  std::string_view rule = {};  // what applies where the default is empty, in words
};
std::span<const ConfigKey> config_keys() noexcept;
/// Whether its value may be a list in YAML.
bool may_be_list(const ConfigKey&) noexcept;

struct Setting {
  std::string value, origin;  // "60s", "default"; "flag --timeout"; "environment YMGR_HOME"; "/etc/ymgr/ymgr.yaml:3"
  std::optional<std::string> hidden = {};  // what a file says, where the environment says something
  std::string file = {};                   // that it stands in; empty: elsewhere
};
using Settings = std::map<std::string, Setting, std::less<>>;

struct ConfigFile {
  std::string path;
  Settings settings;
  std::map<std::string, Settings, std::less<>> contexts;
};
/// @throws Error config-invalid, yaml-invalid: file, line, column and the nearest key
ConfigFile parse_config(std::string_view yaml, const std::string& path);
/// Those that exist, the strongest first. @throws Error file-not-found: -c names none
std::vector<ConfigFile> read_config_files(const Values& flags);

struct Config {
  Settings settings;           // every key of config_keys()
  bool home_is_moved = false;  // YMGR_HOME is set: installations stand inside the profile

  const Setting& at(std::string_view key) const { return settings.find(key)->second; }
  const std::string& home() const { return at("home").value; }
  Format format() const;
  Duration timeout() const;
  std::size_t jobs() const;
  /// nullopt: the default rule (33% of life or 30 days).
  std::optional<RenewBefore> renew_before() const;
  /// After which a host whose scheduled renewal has not succeeded counts as stale.
  Duration heartbeat() const;
  PinMode pin_mode() const;
  /// @param key  "secrets.pin_tries" or "secrets.puk_tries"
  int tries(std::string_view key) const;
  std::vector<std::string> attestation_roots() const;
  /// Reads the files that license.vendor_key names. Empty: nothing is limited. @throws Error config-invalid, and those of reading them
  std::vector<license::VendorKey> vendor_keys() const;
  /// Empty: the runtime folder.
  const std::string& session_folder() const { return at("session.folder").value; }
};
/// @param files  nullptr: they do not matter to the command, nor does the context
/// @throws Error usage, config-invalid: unknown context, bad value, naming where it stands
Config make_config(const Values& flags, const std::vector<ConfigFile>* files);

/// Program and arguments that a setting names; none: it is empty.
/// @throws Error file-unsafe: whoever may write the file that it stands in is neither this user nor root
std::vector<std::string> program_of(std::string_view key, const Setting&);

/// "~/" is the home folder; what begins with neither / nor ~/ stands in the working directory. Empty stays empty.
std::string expand_home(std::string path);

/// "table" … @throws Error usage
Format parse_format(std::string_view text);

}  // namespace ymgr::cli
