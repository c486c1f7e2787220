// What the program of ask.command may print: an Error, a question, or words that pass the gate once more.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.hpp"
#include "base/text.hpp"
#include "cli/ask_gate.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ymgr;
  try {
    const auto answer = cli::parse_ask_answer(std::string_view(reinterpret_cast<const char*>(data), size));
    if (answer.argv.empty() == answer.question.empty()) __builtin_trap();
    if (printable(answer.question) != answer.question) __builtin_trap();
    if (answer.argv.empty()) return 0;
    const auto line = cli::check_asked(answer.argv);
    for (const auto* option : {"--yes", "--config", "--context", "--out", "--json", "--identity-token"})
      if (line.values.has(option)) __builtin_trap();
    if (split_words(cli::shell_line(answer.argv)).size() != answer.argv.size() + 1) __builtin_trap();
  } catch (const Error&) {
  }
  return 0;
}
