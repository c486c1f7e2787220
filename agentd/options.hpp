// What the agent is told: flags, then its configuration file, then defaults.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ymgr::agentd {

struct TcpPlace {
  std::string address;
  std::uint16_t port = 0;
};

struct Options {
  std::string socket;           // path of the Unix socket
  std::optional<TcpPlace> tcp;  // nullopt: off
  std::vector<std::string>
      token_keys;  // files, or folders of .json files, with the public keys of those who sign identity tokens
  std::vector<std::string> origins;  // of web pages that may ask: exact, empty at first
  std::string log_level = "info";    // error, warning, info, debug
  bool journal = false;              // standard error is the journal
  enum class Ask { serve, help, version } ask = Ask::serve;
};

/// Reads the environment: XDG_RUNTIME_DIR, XDG_CONFIG_HOME, HOME, JOURNAL_STREAM.
/// @throws Error usage, config-invalid, yaml-invalid, file-not-found: --config names none
Options read_options(const std::vector<std::string>& words);
extern const char* const usage_text;

}  // namespace ymgr::agentd
