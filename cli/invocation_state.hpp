// How an Invocation is put together: program.cpp fills it, invocation.cpp reads it.
#pragma once
#include "cli/args.hpp"
#include "cli/config.hpp"
#include "cli/invocation.hpp"
#include "cli/output/notices.hpp"
#include "cli/output/prompt.hpp"

namespace ymgr::cli {

struct Invocation::State {
  State(const Command& named, Values given, Config configured, Globals flags, NoticeLook look)
      : command(named),
        values(std::move(given)),
        config(std::move(configured)),
        globals(std::move(flags)),
        notices(look) {}

  /// For commands that do more than answer.
  static State& of(Invocation& call) noexcept { return *call.state_; }

  const Command& command;
  Values values;
  Config config;
  Globals globals;
  TerminalNotices notices;
  Wiring wiring{config, notices};
  std::vector<std::string> instead;  // a command line that is run in the place of the answer
};

}  // namespace ymgr::cli
