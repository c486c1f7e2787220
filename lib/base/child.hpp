// Programs of the host, run by argv without a shell, in a process group that ends with them.
#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include "base/clock.hpp"

namespace ymgr {

struct Child {
  std::vector<std::string> argv;         // the program is looked for in PATH where it has no slash
  std::vector<std::string> environment;  // "NAME=VALUE"
  std::string input = {};                // what it reads from standard input; empty: nothing
  std::size_t most_output = 0;           // bytes of standard output that are kept; 0: it goes to our standard error
  Duration limit;
  enum class OnSignal { finish, stop } on_signal = OnSignal::finish;
};

struct ChildEnd {
  std::string failure;  // empty: it exited 0; else "exit status 3", "ended by signal 9", "took longer than 2m", …
  std::string output;
  enum class How { ended, not_started, took_longer } how = How::ended;
};

/// Waits for its end, its standard error being ours. What it leaves behind in its group is killed.
/// @throws Error interrupted: with OnSignal::stop
ChildEnd run_child(const Child& child);

/// Whether run_child would find it: a file that this user may run, looked for in `folders` where the name has no slash.
bool is_program(const std::string& name, const std::vector<std::string>& folders);

}  // namespace ymgr
