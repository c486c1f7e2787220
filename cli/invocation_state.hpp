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

  const Command& command;
  Values values;
  Config config;
  Globals globals;
  TerminalNotices notices;
  Wiring wiring{config, notices};
};

}  // namespace ymgr::cli
