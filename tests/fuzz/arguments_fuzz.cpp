// Any words as a command line, one a line: an Error or a command; and any words as what a shell wants completed.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.hpp"
#include "base/text.hpp"
#include "cli/args.hpp"
#include "cli/completion.hpp"
#include "cli/output/printer.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ymgr;
  const auto words = split(std::string_view(reinterpret_cast<const char*>(data), size), '\n');
  cli::complete(words, [](std::string_view, std::string_view) { return std::vector<cli::Candidate>(); });
  cli::requested_json(words);
  try {
    const cli::CommandLine line = cli::parse_command_line(words);
    if (line.command == nullptr) __builtin_trap();
    if (const auto* fields = line.values.find("--fields"))
      cli::check_fields(*line.command, split(fields->front(), ','));
  } catch (const Error& error) {
    cli::error_document(error, 2);
  }
  return 0;
}
