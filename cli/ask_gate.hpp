// What a sentence may become: the commands and options that `ymgr ask` gives, wherever they come from.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "cli/args.hpp"

namespace ymgr::cli {

/// Parses `words` (without "ymgr") and looks at each of them: a command of the list, options that the list has for it, no
/// value that begins with a dash, nothing that a terminal would not show.
/// @throws Error usage: what is wrong with them
CommandLine check_asked(std::span<const std::string> words);

/// Revocation, and what ends a YubiKey's or a person's use: answered at a terminal, never by --yes.
bool needs_person(std::string_view path) noexcept;

/// "ymgr issue 'api-{1..10}'", for a shell.
std::string shell_line(std::span<const std::string> words);

/// What a program answers to a sentence: one of the two is empty.
struct AskAnswer {
  std::vector<std::string> argv;
  std::string question;
};
inline constexpr std::size_t longest_ask_answer = 64 * 1024;
/// The one JSON document that the program of ask.command wrote; its words pass check_asked.
/// @throws Error ask-answer-invalid
AskAnswer parse_ask_answer(std::string_view text);
/// JSON Schema of that document.
Json ask_answer_schema();

}  // namespace ymgr::cli
