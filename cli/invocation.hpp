// What a running command sees: its arguments, the global flags, and through wiring the parts of lib/.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/notice.hpp"
#include "base/secret.hpp"
#include "cli/command.hpp"
#include "cli/format.hpp"
#include "cli/wiring.hpp"

namespace ymgr::cli {

struct Globals {
  Format format = Format::text;
  std::vector<std::string> fields;
  bool quiet = false, verbose = false, yes = false, no_input = false, no_progress = false, dry_run = false;
  bool detailed_exitcode = false;
};

class Invocation {
 public:
  const Command& command() const noexcept;
  const Globals& globals() const noexcept;

  bool has(std::string_view option) const;                      // given at all: "--out"
  std::string text(std::string_view option_or_argument) const;  // "" when absent: "--out", "NAME"
  std::optional<std::string> maybe(std::string_view option_or_argument) const;
  std::vector<std::string> list(std::string_view option_or_argument) const;
  std::optional<std::int64_t> number(std::string_view option, std::int64_t min,
                                     std::int64_t max) const;  // throws usage
  std::optional<Duration> duration(std::string_view option) const;
  /// --request-id; "" when absent. @throws Error usage: not 1 to 64 of [A-Za-z0-9._-], or the resume id of another operation
  std::string request_id() const;

  Wiring& wiring() noexcept;
  Notices& notices() noexcept;

  /// A secret from --NAME-file F, or standard input for "-"; else asked on the terminal.
  /// @throws Error input-needed naming the flag when there is no terminal
  Secret secret(std::string_view file_option, std::string_view prompt);
  /// Asked twice, must be equal.
  Secret new_secret(std::string_view file_option, std::string_view prompt);
  std::string ask(std::string_view flag, std::string_view prompt);
  /// True with --yes. @throws Error input-needed: no terminal and no --yes; usage: the answer was no
  void confirm(std::string_view question);
  bool has_terminal() const noexcept;

  struct State;
  explicit Invocation(std::unique_ptr<State>);
  ~Invocation();

 private:
  std::unique_ptr<State> state_;
};

}  // namespace ymgr::cli
