#include "cli/pin_options.hpp"

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"

namespace ymgr::cli {
namespace {

Secret ask(Invocation& call, const std::string& file, std::string_view prompt, Asked asked) {
  return asked == Asked::twice ? call.new_secret(file, prompt) : call.secret(file, prompt);
}

}  // namespace

Secret pin_from(Invocation& call, std::string_view name, std::string_view prompt, Asked asked) {
  const std::string base(name), file = base + "-file";
  const bool prompted = call.has(base + "-prompt"), from_stdin = call.has(base + "-stdin"), from_file = call.has(file);
  if (prompted + from_stdin + from_file > 1)
    throw Error(Code::usage, "the PIN was given in two ways", "use one of " + base + "-prompt, -stdin and -file");
  if (!from_stdin && !prompted && !from_file) return {};
  Secret pin = from_stdin ? read_secret_stdin() : ask(call, file, prompt, asked);
  if (pin.empty()) throw Error(Code::pin_unusable, "what was given with " + base + " is empty");
  return pin;
}

std::optional<piv::ManagementKey> management_key_from(Invocation& call, std::string_view file_option) {
  if (!call.has(file_option)) return std::nullopt;
  const Secret text = call.secret(file_option, "Management key:");
  auto bytes = from_hex(text.reveal());
  const std::size_t size = bytes ? bytes->size() : 0;
  if (size != 16 && size != 24 && size != 32)
    throw Error(Code::key_invalid, "the management key has not 32, 48 or 64 hexadecimal digits",
                "write it as ykman takes it: hexadecimal digits in one line");
  const auto algorithm = size == 16   ? piv::ManagementAlgorithm::aes_128
                         : size == 24 ? piv::ManagementAlgorithm::aes_192
                                      : piv::ManagementAlgorithm::aes_256;
  return piv::ManagementKey{algorithm, Secret::absorb(*bytes)};
}

}  // namespace ymgr::cli
