#include "cli/help.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "cli/args.hpp"
#include "cli/invocation.hpp"
#include "cli/output/table.hpp"

namespace ymgr::cli {

namespace {

using Definitions = std::vector<std::pair<std::string, std::string>>;
constexpr std::size_t width = 100;

std::string without_marks(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c != '`') out += c;
  }
  return out;
}

void add_section(std::string& out, std::string_view title, const Definitions& definitions) {
  if (definitions.empty()) return;
  out.append("\n").append(title).append(":\n").append(format_definitions(definitions));
}

Definitions definitions_of(std::span<const Option> options) {
  Definitions list;
  for (const Option& option : options) {
    list.emplace_back(option_label(option),
                      without_marks(option.help) + (option.times == Option::Times::many ? " (repeatable)" : ""));
  }
  return list;
}

std::string verbs_of(std::string_view group) {
  std::string verbs;
  for (const Command* command : commands()) {
    if (command->visibility == Visibility::hidden || !command->path.starts_with(std::string(group) + " ")) continue;
    verbs.append(verbs.empty() ? "" : ", ").append(command->path.substr(group.size() + 1));
  }
  return verbs;
}

std::string option_names(std::span<const Option> options) {
  std::string names;
  for (const Option& option : options) names.append(names.empty() ? "" : ", ").append(option.name);
  return names;
}

std::string program_help() {
  std::string out = "ymgr: certificates from the shell\n\nUsage: ymgr COMMAND [OPTIONS] [ARGUMENTS]\n";
  Definitions list;
  for (const Command* command : commands()) {
    if (command->visibility == Visibility::hidden || command->path.find(' ') != std::string_view::npos) continue;
    list.emplace_back(command->path, command->summary);
  }
  add_section(out, "Commands", list);
  list.clear();
  for (const Group& group : groups()) {
    list.emplace_back(group.name, std::string(group.summary) + ": " + verbs_of(group.name));
  }
  add_section(out, "More commands, 'ymgr NOUN VERB'", list);
  Definitions options = definitions_of(global_options());
  options.emplace_back("    --version", "the same as 'ymgr version'");
  add_section(out, "Options of every command", options);
  return out + "\n'ymgr COMMAND --help' tells more, 'ymgr explain CODE' explains an error, 'man ymgr' has it all.\n";
}

std::string group_help(const Group& group) {
  std::string out = "ymgr " + std::string(group.name) + ": " + std::string(group.summary) + "\n\nUsage: ymgr " +
                    std::string(group.name) + " COMMAND [OPTIONS] [ARGUMENTS]\n";
  Definitions list;
  for (const Command* command : commands()) {
    if (command->visibility == Visibility::hidden || !command->path.starts_with(std::string(group.name) + " "))
      continue;
    list.emplace_back(command->path.substr(group.name.size() + 1), command->summary);
  }
  add_section(out, "Commands", list);
  return out + "\n'ymgr " + std::string(group.name) + " COMMAND --help' tells more.\n";
}

std::string command_help(const Command& command) {
  std::string out =
      full_name(command) + ": " + std::string(command.summary) + "\n\nUsage: " + usage_line(command) + "\n\n";
  out += wrap(without_marks(command.description), width, 0);
  Definitions arguments, options;
  for (const Argument& argument : command.arguments)
    arguments.emplace_back(argument.name, without_marks(argument.help));
  options = definitions_of(command.options);
  if (command.effect == Effect::changes) {
    const auto more = definitions_of(changing_options());
    options.insert(options.end(), more.begin(), more.end());
  }
  add_section(out, "Arguments", arguments);
  add_section(out, "Options", options);
  out += "\n" +
         wrap("Every command takes " + option_names(global_options()) + " as well; 'ymgr --help' tells what they do.",
              width, 0);
  if (!command.examples.empty()) out += "\nExamples:\n";
  for (const Example& example : command.examples) {
    out.append("  ").append(example.line).append("\n      ").append(without_marks(example.help)).append("\n");
  }
  return out;
}

constexpr Argument help_arguments[] = {
    {"COMMAND", "what to explain", Argument::Count::any, "command"},
};
constexpr Field help_fields[] = {{"help", "string", "the help text"}};
constexpr Example help_examples[] = {{"ymgr help login", "the same as ymgr login --help"}};

Result run_help(Invocation& call) {
  Result result;
  result.text = help_text(join(call.list("COMMAND"), " "));
  result.json.set("help", result.text);
  result.raw = true;
  return result;
}

}  // namespace

extern const Command help_command;
constinit const Command help_command = {
    .path = "help",
    .summary = "show the help of a command",
    .description = "Prints the help of a command, of a group of commands, or the list of all commands.",
    .arguments = help_arguments,
    .options = {},
    .fields = help_fields,
    .examples = help_examples,
    .run = run_help,
    .setup = Setup::standalone,
};

std::string usage_line(const Command& command) {
  std::string line = full_name(command) + " [OPTIONS]";
  for (const Argument& argument : command.arguments) {
    const std::string name(argument.name);
    switch (argument.count) {
      case Argument::Count::one: line += " " + name; break;
      case Argument::Count::optional: line += " [" + name + "]"; break;
      case Argument::Count::some: line += " " + name + "..."; break;
      case Argument::Count::any: line += " [" + name + "...]"; break;
    }
  }
  return line;
}

std::string option_label(const Option& option) {
  std::string label = option.short_name.empty() ? "    " : std::string(option.short_name) + ", ";
  label += option.name;
  if (!option.value.empty()) label.append(" ").append(option.value);
  return label;
}

std::string help_text(std::string_view path) {
  if (path.empty()) return program_help();
  for (const Group& group : groups()) {
    if (group.name == path) return group_help(group);
  }
  if (const Command* command = find_command(path)) return command_help(*command);
  std::vector<std::string_view> known;
  for (const Command* command : commands()) known.push_back(command->path);
  for (const Group& group : groups()) known.push_back(group.name);
  const auto near = nearest(path, known);
  throw Error(Code::usage, "unknown command '" + std::string(path) + "'",
              (near ? "Did you mean 'ymgr help " + *near + "'? " : std::string()) + "Run 'ymgr help'");
}

}  // namespace ymgr::cli
