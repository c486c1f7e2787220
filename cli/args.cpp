#include "cli/args.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "base/error.hpp"
#include "base/text.hpp"

namespace ymgr::cli {

namespace {

[[noreturn]] void refuse(std::string message, std::string hint) {
  throw Error(Code::usage, std::move(message), std::move(hint));
}

std::string help_hint(std::string_view path) {
  return "Run 'ymgr" + (path.empty() ? std::string() : " " + std::string(path)) + " --help'";
}

std::string with_nearest(const std::optional<std::string>& name, std::string_view path) {
  return (name ? "Did you mean '" + *name + "'? " : std::string()) + help_hint(path);
}

bool is_option_word(std::string_view word) noexcept {
  return word.size() > 1 && word.front() == '-';
}

bool takes_next_word(std::string_view word) noexcept {
  const auto options = global_options();
  return std::any_of(options.begin(), options.end(), [&](const Option& option) {
    return !option.value.empty() && (option.name == word || (!word.empty() && option.short_name == word));
  });
}

/// The command's path taken out of the words; what is left goes to the option parser.
struct Located {
  std::string path;
  std::vector<std::string> rest;
};

std::vector<std::string_view> next_words(std::string_view path) {
  std::vector<std::string_view> names;
  const std::string prefix = path.empty() ? std::string() : std::string(path) + " ";
  for (const Command* command : commands()) {
    if (command->visibility == Visibility::hidden || command->path.substr(0, prefix.size()) != prefix) continue;
    const auto word = command->path.substr(prefix.size(), command->path.find(' ', prefix.size()) - prefix.size());
    if (std::find(names.begin(), names.end(), word) == names.end()) names.push_back(word);
  }
  return names;
}

std::string extend_path(const std::string& path, const std::string& word) {
  std::string longer = path.empty() ? word : path + " " + word;
  if (find_command(longer) || is_group(longer)) return longer;
  const auto near = nearest(word, next_words(path));
  refuse("unknown command '" + longer + "'",
         with_nearest(near ? std::optional("ymgr " + (path.empty() ? "" : path + " ") + *near) : std::nullopt, path));
}

Located locate(std::span<const std::string> words) {
  Located found;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const bool done = find_command(found.path) != nullptr;
    if (done || words[i] == "--") {
      found.rest.insert(found.rest.end(), words.begin() + static_cast<std::ptrdiff_t>(i), words.end());
      return found;
    }
    if (!is_option_word(words[i])) {
      found.path = extend_path(found.path, words[i]);
      continue;
    }
    found.rest.push_back(words[i]);
    if (takes_next_word(words[i]) && i + 1 < words.size()) found.rest.push_back(words[++i]);
  }
  return found;
}

struct Parser {
  explicit Parser(const Command& named) : command(named), options(options_of(named)) {
    app.set_help_flag();
    app.allow_extras();
    for (const Option* option : options) declare(*option);
  }

  void declare(const Option& option) {
    std::string names(option.name);
    if (!option.short_name.empty()) names.append(",").append(option.short_name);
    auto& given = results.emplace_back(std::make_unique<std::vector<std::string>>());
    CLI::Option* added =
        option.value.empty() ? app.add_flag(names) : app.add_option(names, *given)->allow_extra_args(false);
    added->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    declared.push_back(added);
  }

  const Command& command;
  std::vector<const Option*> options;
  CLI::App app;
  std::vector<CLI::Option*> declared;
  std::vector<std::unique_ptr<std::vector<std::string>>> results;
};

std::optional<std::string> nearest_option(const Parser& parser, std::string_view name) {
  std::vector<std::string_view> names;
  for (const Option* option : parser.options) names.push_back(option->name);
  return nearest(name, names);
}

void check_empty_values(const Parser& parser, const std::vector<std::string>& words) {
  for (const auto& word : words) {
    if (word == "--") return;
    if (word.size() > 3 && word.starts_with("--") && word.find('=') == word.size() - 1) {
      refuse("'" + word + "' has no value", help_hint(parser.command.path));
    }
  }
}

void run_parser(Parser& parser, const std::vector<std::string>& words) {
  check_empty_values(parser, words);
  std::vector<std::string> reversed(words.rbegin(), words.rend());
  try {
    parser.app.parse(reversed);
  } catch (const CLI::ArgumentMismatch& error) {
    const std::string text = error.what();
    const auto name = text.substr(0, text.find(':'));
    for (const Option* option : parser.options) {
      if (option->name == name)
        refuse("option " + name + " needs a value: " + std::string(option->value), help_hint(parser.command.path));
    }
    refuse(text, help_hint(parser.command.path));
  } catch (const CLI::ParseError& error) {
    refuse(error.what(), help_hint(parser.command.path));
  }
}

void check_value(const Parser& parser, const Option& option, const std::string& value) {
  if (option.value.empty()) {
    if (value != "true")
      refuse("option " + std::string(option.name) + " takes no value", help_hint(parser.command.path));
    return;
  }
  const auto choices = choices_of(option.value);
  if (choices.empty() || std::find(choices.begin(), choices.end(), value) != choices.end()) return;
  refuse("option " + std::string(option.name) + " can't be '" + value + "': it is one of " + std::string(option.value),
         with_nearest(nearest(value, choices), parser.command.path));
}

void take_options(const Parser& parser, Values& values) {
  for (std::size_t i = 0; i < parser.options.size(); ++i) {
    auto given = parser.declared[i]->results();
    if (given.empty()) continue;
    const Option& option = *parser.options[i];
    for (const auto& value : given) check_value(parser, option, value);
    if (!option.value.empty() && given.size() > 1 && option.times == Option::Times::once) {
      refuse("option " + std::string(option.name) + " was given twice", help_hint(parser.command.path));
    }
    values.set(option.name, std::move(given));
  }
}

/// What is left after the options: arguments, and, before "--", options that the command does not have.
std::vector<std::string> plain_words(const Parser& parser) {
  std::vector<std::string> plain;
  bool only_arguments = false;
  for (auto& word : parser.app.remaining()) {
    if (!only_arguments && word == "--") {
      only_arguments = true;
    } else if (!only_arguments && is_option_word(word)) {
      const auto name = word.substr(0, word.find('='));
      refuse("unknown option '" + name + "'", with_nearest(nearest_option(parser, name), parser.command.path));
    } else {
      plain.push_back(std::move(word));
    }
  }
  return plain;
}

void take_arguments(const Command& command, const std::vector<std::string>& words, Values& values) {
  using Count = Argument::Count;
  std::size_t next = 0;
  for (const Argument& argument : command.arguments) {
    const bool many = argument.count == Count::some || argument.count == Count::any;
    const bool needed = argument.count == Count::one || argument.count == Count::some;
    const std::size_t take = many ? words.size() - next : std::min<std::size_t>(1, words.size() - next);
    if (take == 0 && needed) refuse("missing argument " + std::string(argument.name), help_hint(command.path));
    if (take == 0) continue;
    const auto first = words.begin() + static_cast<std::ptrdiff_t>(next);
    values.set(argument.name, {first, first + static_cast<std::ptrdiff_t>(take)});
    next += take;
  }
  if (next < words.size()) refuse("unexpected argument '" + words[next] + "'", help_hint(command.path));
}

CommandLine help_line(std::string_view path, Values values) {
  CommandLine line{find_command("help"), std::move(values)};
  if (!path.empty()) line.values.set("COMMAND", split(path, ' '));
  return line;
}

[[noreturn]] void refuse_group(std::string_view path) {
  if (path.empty()) refuse("no command", help_hint(path));
  const auto words = next_words(path);
  refuse("'ymgr " + std::string(path) +
             "' needs one of its commands: " + join(std::vector<std::string>(words.begin(), words.end()), ", "),
         help_hint(path));
}

/// No command in the words: options alone, or a group.
CommandLine parse_without_command(Located found) {
  const auto version = std::find(found.rest.begin(), found.rest.end(), "--version");
  const bool asks_version = version != found.rest.end() && found.path.empty();
  if (asks_version) found.rest.erase(version);
  const Command& like = *find_command(asks_version ? "version" : "help");
  Parser parser(like);
  run_parser(parser, found.rest);
  Values values;
  plain_words(parser);
  take_options(parser, values);
  if (asks_version) return {&like, std::move(values)};
  if (!found.rest.empty() && !values.has("--help")) refuse_group(found.path);
  return help_line(found.path, std::move(values));
}

}  // namespace

const std::vector<std::string>* Values::find(std::string_view name) const noexcept {
  for (const auto& [known, values] : values_) {
    if (known == name) return &values;
  }
  return nullptr;
}

void Values::set(std::string_view name, std::vector<std::string> values) {
  values_.emplace_back(name, std::move(values));
}

CommandLine parse_command_line(std::span<const std::string> words) {
  Located found = locate(words);
  const Command* command = find_command(found.path);
  if (!command) return parse_without_command(std::move(found));
  Parser parser(*command);
  run_parser(parser, found.rest);
  CommandLine line{command, {}};
  const auto plain = plain_words(parser);
  take_options(parser, line.values);
  if (line.values.has("--help")) return help_line(command->path, std::move(line.values));
  take_arguments(*command, plain, line.values);
  return line;
}

std::string_view requested_json(std::span<const std::string> words) noexcept {
  std::string_view found;
  for (std::size_t i = 0; i < words.size() && words[i] != "--"; ++i) {
    std::string_view word = words[i];
    if (word == "--json") return "json";
    if ((word == "-o" || word == "--output") && i + 1 < words.size())
      word = words[++i];
    else if (word.starts_with("--output="))
      word.remove_prefix(9);
    else if (word.starts_with("-o"))
      word.remove_prefix(2);
    else
      continue;
    if (word == "json") found = "json";
    if (word == "jsonl") found = "jsonl";
  }
  return found;
}

std::string full_name(const Command& command) {
  return "ymgr " + std::string(command.path);
}

std::vector<const Option*> options_of(const Command& command) {
  std::vector<const Option*> all;
  for (const Option& option : command.options) all.push_back(&option);
  if (command.effect == Effect::changes) {
    for (const Option& option : changing_options()) all.push_back(&option);
  }
  for (const Option& option : global_options()) all.push_back(&option);
  return all;
}

std::vector<std::string_view> choices_of(std::string_view value_name) {
  std::vector<std::string_view> words;
  if (value_name.find('|') == std::string_view::npos) return words;
  for (std::size_t at = 0; at <= value_name.size();) {
    const auto end = std::min(value_name.find('|', at), value_name.size());
    const auto word = value_name.substr(at, end - at);
    if (word.empty() || word.front() < 'a' || word.front() > 'z') return {};
    words.push_back(word);
    at = end + 1;
  }
  return words;
}

bool is_group(std::string_view path) noexcept {
  const auto all = groups();
  return std::any_of(all.begin(), all.end(), [&](const Group& group) { return group.name == path; });
}

}  // namespace ymgr::cli
