#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

#include "agentd/log.hpp"
#include "agentd/options.hpp"
#include "agentd/service.hpp"
#include "base/error.hpp"
#include "base/process.hpp"
#include "base/secret.hpp"
#include "x509/oaep.hpp"

namespace {

using namespace ymgr;

/// Otherwise the next file that is opened would become standard input, output or the log.
void fill_standard_descriptors() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) < 0) ::open("/dev/null", O_RDWR);
  }
}

int run(const std::vector<std::string>& words) {
  const agentd::Options options = agentd::read_options(words);
  if (options.ask == agentd::Options::Ask::help) return std::fputs(agentd::usage_text, stdout) < 0 ? 1 : 0;
  if (options.ask == agentd::Options::Ask::version) return std::puts("ymgr-agentd " YMGR_VERSION) < 0 ? 1 : 0;
  agentd::log::open(options.log_level,
                    options.journal ? agentd::log::Target::journal : agentd::log::Target::standard_error);
  lock_secrets();
  if (!lock_private_numbers()) agentd::log::warning("the system allows no locked memory: secrets may be swapped out");
  agentd::serve(options);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  harden_process();
  fill_standard_descriptors();
  agentd::block_signals();
  try {
    return run({argv + (argc > 0 ? 1 : 0), argv + argc});
  } catch (const Error& error) {
    std::fprintf(stderr, "ymgr-agentd: error: %s\nymgr-agentd: hint: %s\n", error.what(), error.suggestion().c_str());
    return exit_status(error.kind());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "ymgr-agentd: error: %s\n", error.what());
    return 1;
  }
}
