#include "cli/program.hpp"

#include <unistd.h>

#include <algorithm>
#include <exception>
#include <new>

#include "base/error.hpp"
#include "base/interrupt.hpp"
#include "base/text.hpp"
#include "base/trace.hpp"
#include "cli/environment.hpp"
#include "cli/invocation_state.hpp"
#include "cli/output/printer.hpp"
#include "cli/output/stream.hpp"

namespace ymgr::cli {

namespace {

When color_of(std::string_view word) {
  return word == "always" ? When::always : word == "never" ? When::never : When::automatic;
}

When color_flag(const Values& values) {
  const auto* flag = values.find("--color");
  return flag ? color_of(flag->front()) : When::automatic;
}

/// For a command line that may not have been parsed.
When color_flag(std::span<const std::string> words) {
  constexpr std::string_view name = "--color";
  for (std::size_t i = 0; i < words.size() && words[i] != "--"; ++i) {
    if (words[i] == name && i + 1 < words.size()) return color_of(words[i + 1]);
    if (words[i].starts_with("--color=")) return color_of(std::string_view(words[i]).substr(name.size() + 1));
  }
  return When::automatic;
}

Globals make_globals(const Values& values, const Config& config) {
  Globals globals;
  globals.format = config.format();
  if (const auto* fields = values.find("--fields")) {
    for (const auto& name : split(fields->front(), ',')) globals.fields.emplace_back(trim(name));
  }
  globals.quiet = values.has("--quiet");
  globals.verbose = values.has("--verbose");
  globals.yes = values.has("--yes");
  globals.no_input = values.has("--no-input");
  globals.no_progress = values.has("--no-progress");
  globals.dry_run = values.has("--dry-run");
  globals.detailed_exitcode = values.has("--detailed-exitcode");
  return globals;
}

NoticeLook make_look(const Values& values, const Globals& globals) {
  return {.color = wants_color(STDERR_FILENO, color_flag(values)),
          .verbose = globals.verbose,
          .bar = !globals.quiet && !globals.no_progress && ::isatty(STDERR_FILENO) == 1};
}

void tell_times(Notices& notices) {
  for (const auto& total : trace_totals()) {
    notices.detail("time: " + total.name + ": " + std::to_string(total.microseconds) + " us in " +
                   std::to_string(total.calls) + " calls");
  }
}

/// It still answers for what it signed, so nothing is refused.
void tell_of_move(Invocation& call) {
  if (call.command().effect != Effect::changes || call.command().path == "migrate") return;
  if (const auto context = call.wiring().moved_to())
    call.notices().warn("this profile has moved: 'ymgr --context " + *context +
                        "' works with the team; what changes here goes there with 'ymgr migrate'");
}

Error as_error(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const Error& error) {
    return error;
  } catch (const std::bad_alloc&) {
    return Error(Code::internal, "out of memory", "Free memory or raise the limit, then run the same command");
  } catch (const std::exception& error) {
    return Error(Code::internal, error.what());
  }
}

/// The words decide; when they do not, the environment does.
std::string_view failure_form(std::span<const std::string> words) {
  const auto asked = requested_json(words);
  if (!asked.empty()) return asked;
  const auto output = environment("YMGR_OUTPUT");
  return output == "json" ? "json" : output == "jsonl" ? "jsonl" : "";
}

int exit_of(const Error& error) {
  if (error.code() == Code::interrupted && interrupted() != 0) return 128 + interrupted();
  return exit_status(error.kind());
}

/// Anything that the answer tells of ended with this code.
bool tells(const Json& json, std::string_view code) {
  if (json.is_array()) return std::ranges::any_of(json.items(), [&](const Json& item) { return tells(item, code); });
  if (!json.is_object()) return false;
  const auto holds = [&](const auto& member) { return !member.second.is_text() && tells(member.second, code); };
  return json.text_or("code", "") == code || std::ranges::any_of(json.members(), holds);
}

int exit_of(const Result& result) {
  if (result.exit != 0 && interrupted() != 0 && tells(result.json, info(Code::interrupted).text))
    return 128 + interrupted();
  return result.exit;
}

}  // namespace

namespace {

/// The exit status, or the command line that goes on in its place.
struct Ran {
  int exit = 0;
  std::vector<std::string> instead;
};

Ran run_once(std::span<const std::string> words) {
  CommandLine line = parse_command_line(words);
  const Command& command = *line.command;
  std::optional<std::vector<ConfigFile>> files;
  if (command.setup == Setup::configured) files = read_config_files(line.values);
  Config config = make_config(line.values, files ? &*files : nullptr);
  Globals globals = make_globals(line.values, config);
  check_fields(command, globals.fields);
  const NoticeLook look = make_look(line.values, globals);
  Invocation call(std::make_unique<Invocation::State>(command, std::move(line.values), std::move(config),
                                                      std::move(globals), look));
  const Result result = command.run(call);
  if (auto& instead = Invocation::State::of(call).instead; !instead.empty()) return {0, std::move(instead)};
  tell_of_move(call);
  const Globals& asked = call.globals();
  const View view{asked.format, asked.fields, asked.quiet};
  print(command, result, view);
  for (const auto& hint : hints_of(result, view)) write_error(notice_line("hint", hint, look.color));
  if (asked.verbose) tell_times(call.notices());
  const int exit = exit_of(result);
  return {exit == 0 && result.changed && asked.detailed_exitcode ? 20 : exit, {}};
}

}  // namespace

int run_program(std::span<const std::string> words) {
  const auto ran = run_once(words);
  return ran.instead.empty() ? ran.exit : run_program(ran.instead);
}

int report_failure(const std::exception_ptr& failure, std::span<const std::string> words) noexcept {
  try {
    const Error error = as_error(failure);
    const int exit = exit_of(error);
    const auto form = failure_form(words);
    try {
      if (form == "json") write_out(dump_json_pretty(error_document(error, exit)));
      if (form == "jsonl") write_out(dump_json(error_document(error, exit)) + "\n");
    } catch (const Error& unwritten) {
      write_error(error_text(unwritten, false));
    }
    if (form.empty()) write_error(error_text(error, wants_color(STDERR_FILENO, color_flag(words))));
    return exit;
  } catch (const std::exception&) {
    write_error("ymgr: error: out of memory\n");
    return 1;
  }
}

}  // namespace ymgr::cli
