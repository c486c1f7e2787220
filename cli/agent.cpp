#include <sys/stat.h>

#include <algorithm>
#include <chrono>

#include "base/error.hpp"
#include "base/files.hpp"
#include "cli/agent_process.hpp"
#include "cli/config.hpp"
#include "cli/invocation.hpp"
#include "cli/output/table.hpp"
#include "session/agent_session.hpp"
#include "x509/certificate.hpp"

namespace ymgr::cli {

namespace {

constexpr Field status_fields[] = {
    {"socket", "string", "path of the agent's Unix socket"},
    {"version", "string", "the agent's"},
    {"uid", "integer", "who owns the socket"},
    {"unit", "string", "user: a unit of systemd starts the agent when it is needed; none"},
    {"logged_in", "boolean", "whether there is a session of ymgr to ask the agent under"},
    {"registered", "boolean", "whether the agent knows this login"},
    {"pid", "?integer", "of its process; kill it to stop the agent"},
    {"tcp", "?string", "where it serves other programs, taken (another program has the port) or off"},
    {"devices", "?integer", "YubiKeys that are plugged in; absent when not logged in"},
    {"pcscd", "?boolean", "whether the agent reaches pcscd; absent when not logged in"},
};
constexpr Field start_fields[] = {
    {"socket", "string", "path of the agent's Unix socket"},
    {"started", "boolean", "false: it answered already, or --dry-run"},
    {"version", "?string", "the agent's; absent with --dry-run"},
    {"pid", "?integer", "of the process that was started; absent where systemd started it"},
};
constexpr Field register_fields[] = {
    {"socket", "string", "path of the agent's Unix socket"},
    {"registered", "boolean", "whether the agent knows this login now"},
    {"public_key", "?string", "PEM of the key that secrets are sealed to under this login"},
    {"expires_at", "?time", "when the agent forgets it"},
};
constexpr Example status_examples[] = {{"ymgr agent status", "whether the agent answers, and what it sees"}};
constexpr Example start_examples[] = {{"ymgr agent start", "by systemd where it can, else in the background"}};
constexpr Example register_examples[] = {{"ymgr agent register", "after an agent was started later than the login"}};

/// The agent without a session.
agent::Client stranger(Invocation& call, Duration timeout) {
  return agent::Client({.socket = call.wiring().agent_place().socket, .timeout = timeout, .token = {}});
}

std::int64_t owner_of(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 ? static_cast<std::int64_t>(status.st_uid) : -1;
}

/// A login that may have tokens; looking at the agent is no reason to fail without one.
bool is_logged_in(Invocation& call) {
  try {
    return call.wiring().stores().is_open();
  } catch (const Error& error) {
    if (error.kind() == Kind::denied || error.code() == Code::profile_missing) return false;
    throw;
  }
}

std::string_view word_of(AgentUnit unit) {
  return unit == AgentUnit::user ? "user" : "none";
}

/// Looking at it is what `agent status` does already.
agent::Health health_of(Invocation& call) {
  try {
    return stranger(call, call.wiring().config().timeout()).health();
  } catch (const Error& error) {
    if (error.code() != Code::agent_unreachable || !error.hint().empty()) throw;
    throw Error(error.code(), error.what(), "start it with `ymgr agent start`");
  }
}

Result run_status(Invocation& call) {
  const std::string socket = call.wiring().agent_place().socket;
  const agent::Health health = health_of(call);
  const bool logged_in = is_logged_in(call);
  Json json = Json::object({{"socket", socket}, {"version", health.version}, {"uid", owner_of(socket)}});
  json.set("unit", word_of(find_agent_unit(socket))).set("logged_in", logged_in).set("registered", false);
  if (health.pid > 0) json.set("pid", health.pid).set("tcp", health.tcp);
  std::vector<std::pair<std::string, std::string>> lines = {{"socket", socket}, {"version", health.version}};
  if (health.pid > 0) lines.emplace_back("pid", std::to_string(health.pid));
  lines.emplace_back("TCP", health.tcp == "taken" ? "not served: another program has the port" : health.tcp);
  if (logged_in) {
    const std::size_t count = call.wiring().agent().discover().size();
    const bool pcscd = health_of(call).pcscd;  // discover() has looked for it
    json.set("registered", true).set("devices", count).set("pcscd", pcscd);
    lines.emplace_back("YubiKeys", pcscd ? std::to_string(count) : "unknown: the agent can't reach pcscd");
  } else {
    lines.emplace_back("login", "none: ymgr login");
  }
  return {.json = json, .text = "The agent answers.\n" + format_pairs(lines)};
}

bool answers(Invocation& call) {
  if (!exists(call.wiring().agent_place().socket)) return false;
  try {
    stranger(call, call.wiring().config().timeout()).health();
    return true;
  } catch (const Error& error) {
    if (error.code() != Code::agent_unreachable) throw;
    return false;
  }
}

void wait_until_it_answers(Invocation& call, long pid) {
  const auto pause = std::chrono::milliseconds(20);
  const auto end = std::chrono::steady_clock::now() + call.wiring().config().timeout();
  while (!answers(call)) {
    if (pid > 0 && !is_running(pid)) {
      throw Error(Code::agent_unreachable, "the agent ended at once", "run ymgr-agentd in a terminal: it says why");
    }
    if (std::chrono::steady_clock::now() > end) throw Error(Code::agent_unreachable, "the agent does not answer");
    const timespec rest{.tv_sec = 0, .tv_nsec = std::chrono::nanoseconds(pause).count()};
    ::nanosleep(&rest, nullptr);
  }
}

Result run_start(Invocation& call) {
  const std::string socket = call.wiring().agent_place().socket;
  Json json = Json::object({{"socket", socket}, {"started", false}});
  if (answers(call)) {
    json.set("version", stranger(call, call.wiring().config().timeout()).health().version);
    return {.json = json, .text = "the agent answers already\n"};
  }
  if (call.globals().dry_run) return {.json = json, .text = "would start the agent\n"};
  long pid = 0;
  if (find_agent_unit(socket) == AgentUnit::user) {
    start_agent_unit();
  } else {
    pid = start_agent_process(socket);
  }
  wait_until_it_answers(call, pid);
  if (pid > 0) json.set("pid", static_cast<std::int64_t>(pid));
  const auto health = health_of(call);
  if (health.tcp == "taken") call.notices().warn("the agent serves no TCP port: another program has it");
  json.set("started", true).set("version", health.version);
  return {.json = json, .text = "started the agent\n", .changed = true};
}

Result run_register(Invocation& call) {
  const std::string socket = call.wiring().agent_place().socket;
  Json json = Json::object({{"socket", socket}, {"registered", false}});
  call.wiring().stores().tokens();  // an auditor has none
  if (call.globals().dry_run) return {.json = json, .text = "would register this login with the agent\n"};
  agent::Client& client = call.wiring().agent();
  client.discover();  // proves that the agent knows the session, or opens one that it does
  const agent::AgentSession& session = client.session();
  json.set("registered", true).set("public_key", to_pem(session.public_key, "PUBLIC KEY"));
  json.set("expires_at", format_time(session.expires_at));
  return {.json = json,
          .text = "the agent knows this login until " + format_time(session.expires_at) + "\n",
          .changed = true};
}

}  // namespace

extern const Command agent_status_command, agent_start_command, agent_register_command;

constinit const Command agent_status_command = {
    .path = "agent status",
    .summary = "whether the agent answers",
    .description =
        "Asks `ymgr-agentd`, the daemon that alone talks to YubiKeys, for its version and, when you are logged in, how "
        "many it sees and whether it reaches pcscd. Exits 8 when it does not answer, 4 when another user's program has "
        "its socket.",
    .arguments = {},
    .options = {},
    .fields = status_fields,
    .examples = status_examples,
    .run = run_status,
};

constinit const Command agent_start_command = {
    .path = "agent start",
    .summary = "start the agent",
    .description =
        "Starts `ymgr-agentd` and waits until it answers: by its user unit where a user manager of systemd has it, "
        "else "
        "as a process in the background, from beside ymgr or from PATH. Done already, it does nothing.",
    .arguments = {},
    .options = {},
    .fields = start_fields,
    .examples = start_examples,
    .run = run_start,
    .effect = Effect::changes,
};

constinit const Command agent_register_command = {
    .path = "agent register",
    .summary = "make this login known to the agent",
    .description =
        "Opens a session with the agent under this login, as `ymgr login` does where an agent listens. Commands that "
        "need "
        "a YubiKey do it by themselves; this shows that it works.",
    .arguments = {},
    .options = {},
    .fields = register_fields,
    .examples = register_examples,
    .run = run_register,
    .effect = Effect::changes,
};

}  // namespace ymgr::cli
