// Programs of the system as judges.
#pragma once
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <memory>
#include <string>

#include "base/files.hpp"

namespace ymgr::test {

struct Ran {
  int exit = -1;
  std::string output;  // standard output and error
  bool says(std::string_view part) const { return output.find(part) != std::string::npos; }
};

inline Ran run_shell(const std::string& command) {
  struct Close {
    void operator()(FILE* pipe) const { ::pclose(pipe); }
  };
  std::unique_ptr<FILE, Close> pipe(::popen(("exec 2>&1 </dev/null; " + command).c_str(), "re"));
  Ran ran;
  std::array<char, 4096> buffer{};
  while (const std::size_t got = std::fread(buffer.data(), 1, buffer.size(), pipe.get())) {
    ran.output.append(buffer.data(), got);
  }
  const int status = ::pclose(pipe.release());
  ran.exit = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return ran;
}

}  // namespace ymgr::test
