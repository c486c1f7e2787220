#include <fcntl.h>
#include <unistd.h>

#include <exception>
#include <string>
#include <vector>

#include "base/failpoint.hpp"
#include "base/interrupt.hpp"
#include "base/process.hpp"
#include "cli/program.hpp"

namespace {

/// Otherwise the next file that is opened, a database perhaps, would become standard input or output. Read-only, so that an
/// answer written to a closed standard output is an error.
void fill_standard_descriptors() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) < 0) ::open("/dev/null", O_RDONLY);
  }
}

}  // namespace

int main(int argc, char** argv) {
  ymgr::harden_process();
  fill_standard_descriptors();
  const std::vector<std::string> words(argv + (argc > 0 ? 1 : 0), argv + argc);
  try {
    ymgr::arm_failpoints();
    ymgr::catch_interrupts();
    return ymgr::cli::run_program(words);
  } catch (...) {
    return ymgr::cli::report_failure(std::current_exception(), words);
  }
}
