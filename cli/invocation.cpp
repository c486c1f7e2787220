#include "cli/invocation.hpp"

#include <unistd.h>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/ids.hpp"
#include "base/text.hpp"
#include "cli/invocation_state.hpp"

namespace ymgr::cli {

namespace {

[[noreturn]] void refuse_silence(std::string_view flag) {
  throw Error(Code::input_needed, "there is no terminal to ask on", "Give " + std::string(flag));
}

Terminal terminal_for(const Globals& globals, std::string_view flag) {
  if (globals.no_input) refuse_silence(flag);
  auto terminal = Terminal::open();
  if (!terminal) refuse_silence(flag);
  return std::move(*terminal);
}

std::optional<Secret> secret_from_file(const Invocation& call, std::string_view file_option) {
  const auto file = call.maybe(file_option);
  if (!file) return std::nullopt;
  return *file == "-" ? read_secret_stdin() : read_secret_file(*file);
}

std::string file_flag(std::string_view option) {
  return std::string(option) + " FILE";
}

}  // namespace

Invocation::Invocation(std::unique_ptr<State> state) : state_(std::move(state)) {}
Invocation::~Invocation() = default;

const Command& Invocation::command() const noexcept {
  return state_->command;
}
const Globals& Invocation::globals() const noexcept {
  return state_->globals;
}
Notices& Invocation::notices() noexcept {
  return state_->notices;
}

std::string Invocation::request_id() const {
  const auto id = maybe(request_id_option.name);
  if (!id || (is_id("req", *id) && ymgr::request_id(*id) == *id)) return id.value_or("");
  throw Error(
      Code::usage, std::string(request_id_option.name) + " can't be " + printable(*id),
      "1 to 64 letters, digits, dots, dashes and underscores, beginning with a letter or digit; to go on with an "
      "operation: ymgr resume ID");
}

Wiring& Invocation::wiring() noexcept {
  return state_->wiring;
}

bool Invocation::has(std::string_view name) const {
  return state_->values.has(name);
}

std::optional<std::string> Invocation::maybe(std::string_view name) const {
  const auto* values = state_->values.find(name);
  return values ? std::optional(values->front()) : std::nullopt;
}

std::string Invocation::text(std::string_view name) const {
  return maybe(name).value_or("");
}

std::vector<std::string> Invocation::list(std::string_view name) const {
  const auto* values = state_->values.find(name);
  return values ? *values : std::vector<std::string>();
}

std::optional<std::int64_t> Invocation::number(std::string_view option, std::int64_t min, std::int64_t max) const {
  const auto given = maybe(option);
  if (!given) return std::nullopt;
  const auto value = parse_number(*given);
  if (value && *value >= min && *value <= max) return value;
  throw Error(Code::usage,
              std::string(option) + ": '" + *given + "' is not a number from " + std::to_string(min) + " to " +
                  std::to_string(max),
              "Run '" + full_name(state_->command) + " --help'");
}

std::optional<Duration> Invocation::duration(std::string_view option) const {
  const auto given = maybe(option);
  return given ? std::optional(parse_duration(*given)) : std::nullopt;
}

Secret Invocation::secret(std::string_view file_option, std::string_view prompt) {
  if (auto given = secret_from_file(*this, file_option)) return std::move(*given);
  return terminal_for(state_->globals, file_flag(file_option)).ask_secret(prompt);
}

Secret Invocation::new_secret(std::string_view file_option, std::string_view prompt) {
  if (auto given = secret_from_file(*this, file_option)) return std::move(*given);
  Terminal terminal = terminal_for(state_->globals, file_flag(file_option));
  Secret first = terminal.ask_secret(prompt);
  const Secret again = terminal.ask_secret("Once more:");
  if (first.reveal() != again.reveal()) throw Error(Code::usage, "the two answers differ", "Try again");
  return first;
}

std::string Invocation::ask(std::string_view flag, std::string_view prompt) {
  return terminal_for(state_->globals, flag).ask(prompt);
}

void Invocation::confirm(std::string_view question) {
  if (state_->globals.yes) return;
  const auto answer = lower(trim(terminal_for(state_->globals, "--yes").ask(std::string(question) + " [y/N]")));
  if (answer != "y" && answer != "yes")
    throw Error(Code::usage, "not confirmed, nothing was changed", "Answer y, or give --yes");
}

bool Invocation::has_terminal() const noexcept {
  return !state_->globals.no_input && Terminal::open().has_value();
}

}  // namespace ymgr::cli
