#include "cli/completion.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/text.hpp"
#include "cli/args.hpp"
#include "workflow/doctor.hpp"

namespace ymgr::cli {

namespace {

struct Typed {
  std::string path;
  const Command* command = nullptr;
  std::size_t arguments = 0;        // given before the cursor
  const Option* waiting = nullptr;  // its value is under the cursor
  bool only_arguments = false;      // after "--"
  bool lost = false;                // no such command
};

std::vector<const Option*> options_at(const Typed& typed) {
  if (typed.command) return options_of(*typed.command);
  std::vector<const Option*> options;
  for (const Option& option : global_options()) options.push_back(&option);
  return options;
}

const Option* option_named(const Typed& typed, std::string_view word) {
  for (const Option* option : options_at(typed)) {
    if (option->name == word || (!option->short_name.empty() && option->short_name == word)) return option;
  }
  return nullptr;
}

void take_plain(Typed& typed, const std::string& word) {
  if (typed.command) {
    ++typed.arguments;
    return;
  }
  const std::string longer = typed.path.empty() ? word : typed.path + " " + word;
  typed.command = find_command(longer);
  typed.lost = !typed.command && !is_group(longer);
  typed.path = longer;
}

void take_word(Typed& typed, const std::string& word) {
  if (typed.waiting) {
    typed.waiting = nullptr;
  } else if (typed.only_arguments || word.size() < 2 || word.front() != '-') {
    take_plain(typed, word);
  } else if (word == "--") {
    typed.only_arguments = true;
  } else if (const Option* option = option_named(typed, word); option && !option->value.empty()) {
    typed.waiting = option;
  }
}

void offer(Completion& completion, std::string_view text, std::string_view help, std::string_view prefix,
           std::string_view before = {}) {
  if (text.starts_with(prefix))
    completion.candidates.push_back({std::string(before) + std::string(text), std::string(help)});
}

void offer_commands(Completion& completion, std::string_view path, std::string_view prefix) {
  const std::string start = path.empty() ? std::string() : std::string(path) + " ";
  for (const Command* command : commands()) {
    if (command->visibility == Visibility::hidden || !command->path.starts_with(start)) continue;
    const auto rest = command->path.substr(start.size());
    if (rest.find(' ') == std::string_view::npos) offer(completion, rest, command->summary, prefix);
  }
  if (!path.empty()) return;
  for (const Group& group : groups()) offer(completion, group.name, group.summary, prefix);
}

Completion complete_value(std::string_view kind, std::string_view prefix, std::string_view before,
                          const LiveValues& live) {
  Completion completion;
  if (kind == "file" || kind == "folder") {
    completion.paths = kind;
  } else if (kind == "command") {
    offer_commands(completion, {}, prefix);
  } else if (kind == "code") {
    for (const CodeInfo& row : all_codes()) offer(completion, row.text, row.sentence, prefix);
  } else if (kind == "check") {
    for (const auto& check : doctor::checks()) offer(completion, check.id, check.title, prefix);
  } else if (kind.find('|') != std::string_view::npos) {
    for (const auto& word : split(kind, '|')) offer(completion, word, {}, prefix, before);
  } else if (!kind.empty()) {
    for (const auto& value : live(kind, prefix)) offer(completion, value.text, value.help, prefix, before);
  }
  return completion;
}

std::string_view kind_of(const Option& option) {
  return option.complete.empty() && !choices_of(option.value).empty() ? option.value : option.complete;
}

Completion complete_option(const Typed& typed, std::string_view prefix) {
  Completion completion;
  for (const Option* option : options_at(typed)) offer(completion, option->name, option->help, prefix);
  return completion;
}

const Argument* argument_at(const Command& command, std::size_t position) {
  if (command.arguments.empty()) return nullptr;
  if (position < command.arguments.size()) return &command.arguments[position];
  const Argument& last = command.arguments.back();
  return last.count == Argument::Count::some || last.count == Argument::Count::any ? &last : nullptr;
}

}  // namespace

Completion complete(std::span<const std::string> words, const LiveValues& live) {
  if (words.empty()) return {};
  Typed typed;
  for (const auto& word : words.first(words.size() - 1)) take_word(typed, word);
  const std::string_view current = words.back();
  if (typed.lost) return {};
  if (typed.waiting) return complete_value(kind_of(*typed.waiting), current, {}, live);
  if (!typed.only_arguments && current.starts_with('-')) {
    const auto equals = current.find('=');
    if (equals == std::string_view::npos) return complete_option(typed, current);
    const Option* option = option_named(typed, current.substr(0, equals));
    return option ? complete_value(kind_of(*option), current.substr(equals + 1), current.substr(0, equals + 1), live)
                  : Completion();
  }
  if (typed.command) {
    const Argument* argument = argument_at(*typed.command, typed.arguments);
    return argument ? complete_value(argument->complete, current, {}, live) : Completion();
  }
  Completion completion;
  offer_commands(completion, typed.path, current);
  return completion;
}

}  // namespace ymgr::cli
