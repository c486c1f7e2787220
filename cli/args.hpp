// From the words of a command line to a command and its values. CLI11 is included by args.cpp alone.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/command.hpp"

namespace ymgr::cli {

/// What was given, by the names of the command's table: "--san", "NAME". A switch has one value, "true".
class Values {
 public:
  bool has(std::string_view name) const noexcept { return find(name) != nullptr; }
  /// nullptr: not given.
  const std::vector<std::string>* find(std::string_view name) const noexcept;
  void set(std::string_view name, std::vector<std::string> values);

 private:
  std::vector<std::pair<std::string, std::vector<std::string>>> values_;
};

struct CommandLine {
  const Command* command = nullptr;
  Values values;
};

/// @param words  without the program's name. No command, a group alone, --help and --version become `help` and `version`.
/// @throws Error usage with the nearest name
CommandLine parse_command_line(std::span<const std::string> words);

/// How errors of a command line are to be told that cannot be parsed: "json", "jsonl" or "".
std::string_view requested_json(std::span<const std::string> words) noexcept;

/// "ymgr cert list".
std::string full_name(const Command&);
/// Every option that `command` takes: its own, those of changes, the global ones.
std::vector<const Option*> options_of(const Command& command);
/// The words of a closed list such as "auto|always|never"; empty: any value goes.
std::vector<std::string_view> choices_of(std::string_view value_name);
bool is_group(std::string_view path) noexcept;

}  // namespace ymgr::cli
