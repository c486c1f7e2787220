// Any bytes as a configuration file: an Error or a configuration whose every value can be read.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.hpp"
#include "cli/config.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ymgr;
  try {
    const std::vector<cli::ConfigFile> files = {
        cli::parse_config(std::string_view(reinterpret_cast<const char*>(data), size), "fuzz.yaml")};
    const cli::Config config = cli::make_config({}, &files);
    config.format();
    config.timeout();
    config.jobs();
    config.renew_before();
  } catch (const Error&) {
  }
  return 0;
}
